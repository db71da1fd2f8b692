//! The command line of the host. All that it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    host_test::run(std::env::args_os())
}
