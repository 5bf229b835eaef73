//! The child process that reads NetCDF-4, on its own: for programs (the tests) that cannot be their own child.

fn main() {
    dataset::contained::run_if_child();
    eprintln!("this program is started by dataset::contained, it does nothing by itself");
    std::process::exit(2);
}
