# Short names for what one does every day (with `just` installed; the scripts need nothing of it). `just` alone lists them.

# List the recipes.
default:
    @just --list

# Build the release binaries.
build:
    cargo build --locked --release --bins

# Run the platform in one process on this machine.
run *args:
    scripts/run {{args}}

# Format, lint and documentation, as CI demands them.
check:
    scripts/check

# What one runs after an edit: format, lints and unit tests.
quick:
    cargo fmt --check
    cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
    cargo test --locked --workspace --all-features --lib

# The tests of a crate: `just crate dataset`.
crate name *args:
    cargo test --locked --all-features -p {{name}} {{args}}

# The tests on a Docker engine: `just engine`, or one: `just engine restarts`.
engine *args:
    scripts/test --test engine {{args}}

# Every check and every test, as CI runs them.
test *args:
    scripts/test {{args}}

# Format the code.
fmt:
    cargo fmt

# Fuzz a parser: `just fuzz cells 60`; without a name, list the targets.
fuzz *args:
    scripts/fuzz {{args}}

# All benchmarks, or those of one package: `just bench -p boundary`.
bench *args:
    cargo bench --locked {{args}}
