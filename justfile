# The recipes that people, scripts and CI share. `just` alone lists them.

# List the recipes.
default:
    @just --list

# Build the release binaries.
build:
    cargo build --locked --release --bins

# Run the platform in one process on this machine.
run *args: 
    cargo build --locked --release -p climsim
    ./target/release/climsim serve {{args}}

# Format, lint and documentation, as CI demands them.
check:
    cargo fmt --check
    cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --all-features

# Every test; binaries first, because the end-to-end tests run them.
test *args:
    cargo build --locked --workspace --bins --all-features
    cargo test --locked --workspace --all-features --no-fail-fast {{args}}

# Format the code.
fmt:
    cargo fmt

# All benchmarks, or those of one package: `just bench -p boundary`.
bench *args:
    cargo bench --locked {{args}}
