//! What `orch sandbox-exec` is, for the tests of this crate: runs a program as its variable says.

fn main() -> std::process::ExitCode {
    let mut args = std::env::args_os().skip(3);
    let program = args.next().unwrap_or_default();
    let args: Vec<_> = args.collect();
    let code = orch_process::sandbox::exec(program.as_ref(), &args);
    std::process::ExitCode::from(u8::try_from(code).unwrap_or(1))
}
