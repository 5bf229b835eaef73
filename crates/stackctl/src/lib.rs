//! The operators' tool: which images there are and what runs, the stack pinned to a tag and rolled back, redeployed,
//! restarted, looked at, backed up and restored. It asks registries, Portainer (or the Docker engine) and Watchtower over their
//! HTTP APIs.
//!
//! Invariants:
//! * No command can remove the volume `instance_storage`, or deploy the stack without it.
//! * A secret is neither an argument, nor printed, nor part of an error, nor sent in the open to another machine.
//! * What is done is said once, for people or (`--json`) for programs; the exit status is 0 when all is well, 1 when not, 2
//!   when the command cannot be understood.

mod arguments;
mod commands;
mod engine;
mod error;
mod file;
mod http;
mod output;
mod portainer;
mod registry;
mod secret;
mod settings;
mod tags;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use commands::{data, deploy, services, update};
use engine::Follow;
use output::CommandOutput;
use settings::Settings;

pub use error::Error;
pub(crate) use secret::Secret;

/// The whole `main`: understands the command line, carries it out, answers.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report_error(&Error::Start(error.to_string())),
    };
    match runtime.block_on(run(&arguments)) {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(answer)) => {
            let text = if arguments.peers.json {
                serde_json::to_string_pretty(&answer.json).unwrap_or_default()
            } else {
                answer.text
            };
            // Whoever reads may have read enough.
            let _ = writeln!(std::io::stdout(), "{text}");
            if answer.well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => report_error(&error),
    }
}

async fn run(arguments: &Arguments) -> Result<Option<CommandOutput>, Error> {
    let settings = Settings(&arguments.peers);
    let answer = match &arguments.command {
        Command::Tags { limit } => commands::tags::tags(&settings, *limit).await?,
        Command::Status => services::status(&settings).await?,
        Command::Pin { tag, deploy } => deploy::pin(&settings, tag, deploy).await?,
        Command::Rollback { deploy } => deploy::rollback(&settings, deploy).await?,
        Command::Redeploy { file, deploy } => deploy::redeploy(&settings, file.as_deref(), deploy).await?,
        Command::Restart { service, wait } => services::restart(&settings, service, *wait).await?,
        Command::Logs { service, tail, since, follow } => {
            let follow = if *follow { Follow::Yes } else { Follow::No };
            services::logs(&settings, service, tail, since.as_deref(), follow).await?;
            return Ok(None);
        }
        Command::Update { in_background } => update::update(&arguments.peers, *in_background).await?,
        Command::Backup { to, keep, instance } => data::backup(&settings, to, *keep, instance).await?,
        Command::Restore { from, check, instance } => {
            data::restore(&settings, from, *check, instance).await?
        }
        Command::ReplaceExchange { broker, on_engine } => {
            data::replace_exchange(&settings, broker.as_deref(), *on_engine).await?
        }
    };
    Ok(Some(answer))
}

fn report_error(error: &Error) -> ExitCode {
    eprintln!("stackctl: {}", store::chain(error));
    ExitCode::from(error.exit_status())
}
