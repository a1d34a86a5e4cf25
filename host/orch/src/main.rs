//! The `orch` program: reads the command line, sets up logging, hands over.

mod cli;
mod client;
mod commands;
mod demo;
mod logging;
mod serve;
mod show;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let cli = cli::Cli::parse();
    if let cli::Command::Supervise { folder } = &cli.command {
        let folder = orch_agents::folder::RunFolder::at(folder);
        let code = orch_agents::supervise::main(&folder);
        return std::process::ExitCode::from(u8::try_from(code).unwrap_or(1));
    }
    if let cli::Command::SandboxExec {
        confinement,
        program,
        args,
    } = &cli.command
    {
        let code = orch_process::sandbox::exec(confinement, program, args);
        return std::process::ExitCode::from(u8::try_from(code).unwrap_or(1));
    }
    if let cli::Command::CompileGate { from, to } = &cli.command {
        let code = orch_gates::compile_child(from, to);
        return std::process::ExitCode::from(u8::try_from(code).unwrap_or(2));
    }
    logging::start(&cli);
    orch_engine::choose_tls();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime could not be started: {error}");
            return std::process::ExitCode::FAILURE;
        }
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(code) => std::process::ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {}", show::chain(&error));
            std::process::ExitCode::FAILURE
        }
    }
}
