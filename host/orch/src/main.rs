//! The `orch` program: reads the command line, sets up logging, hands over.

mod backup;
mod cli;
mod client;
mod commands;
mod demo;
mod embedded;
mod exit;
mod init;
mod logging;
mod mcp;
mod serve;
mod setup;
mod show;
mod starting;
mod watch;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misunderstood(&error),
    };
    if let cli::Command::Supervise { folder } = &cli.command {
        let folder = orch_agents::folder::RunFolder::at(folder);
        let code = orch_agents::supervise::main(&folder);
        return std::process::ExitCode::from(u8::try_from(code).unwrap_or(1));
    }
    if let cli::Command::SandboxExec { program, args } = &cli.command {
        let code = orch_process::sandbox::exec(program, args);
        return std::process::ExitCode::from(u8::try_from(code).unwrap_or(1));
    }
    if let cli::Command::CompileGate { from, to } = &cli.command {
        let code = orch_gates::compile_child(from, to);
        return std::process::ExitCode::from(u8::try_from(code).unwrap_or(2));
    }
    logging::start(&cli);
    let json = cli.json;
    orch_clients::choose_tls();
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
            // Whoever does not listen any more is told nothing.
            show::problem::report(&error, json).ok();
            std::process::ExitCode::FAILURE
        }
    }
}

/// Says what is wrong with a command line: to people in clap's words, to programs as JSON.
fn misunderstood(error: &clap::Error) -> std::process::ExitCode {
    let wants_json = std::env::args_os().any(|arg| arg == "--json");
    if wants_json && error.use_stderr() {
        let text = error.render().to_string();
        let text = text.trim().trim_start_matches("error: ");
        show::out(&format!("{}\n", show::problem::usage_json(text))).ok();
    } else {
        error.print().ok();
    }
    std::process::ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
