//! The life of a process: its sub-commands, its signals, its end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Listen;
use crate::{Config, Error};

/// Exit status with which `pre-update` asks an updater to come back later.
const COME_BACK_LATER: u8 = 75;

/// What is asked of a service's binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Serve,
    Healthcheck,
    PreUpdate,
}

/// Whether an update may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateAdvice {
    /// Nothing is under way.
    Go,
    /// Something is; it would be interrupted.
    Later,
}

/// The whole `main` of a service: reads the configuration, starts logging, and does what the command line asks:
/// nothing or `serve` runs the service until SIGTERM or SIGINT, `healthcheck` asks the running one how it is,
/// `pre-update` tells an updater whether to go on.
pub fn main<S, U>(name: &'static str, serve: S, advice: U) -> ExitCode
where
    S: AsyncFnOnce(Config, CancellationToken) -> Result<(), Error>,
    U: AsyncFnOnce(Config) -> Result<UpdateAdvice, Error>,
{
    let command = match std::env::args().nth(1).as_deref() {
        None | Some("serve") => Command::Serve,
        Some("healthcheck") => Command::Healthcheck,
        Some("pre-update") => Command::PreUpdate,
        Some(other) => {
            eprintln!("{name}: '{other}' is unknown: use serve, healthcheck or pre-update");
            return ExitCode::from(2);
        }
    };
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(error) => return report_error(name, &error),
    };
    if command == Command::Healthcheck {
        return match config.health.as_ref().map(|health| ask(health, "/livez")) {
            None | Some(Ok(_)) => ExitCode::SUCCESS,
            Some(Err(error)) => report_error(name, &error),
        };
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report_error(name, &error),
    };
    let outcome = runtime.block_on(async {
        if command == Command::PreUpdate {
            let advice = advice(config).await?;
            return Ok(if advice == UpdateAdvice::Go {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(COME_BACK_LATER)
            });
        }
        crate::log(&config);
        use_scratch(&config);
        let stop = stop_on_signals()?;
        match serve(config, stop).await {
            Ok(()) | Err(Error::Stopped { .. }) => Ok(ExitCode::SUCCESS),
            Err(error) => Err(error),
        }
    });
    // A step that outlived the grace period computes for nobody any more.
    runtime.shutdown_timeout(Duration::from_millis(200));
    outcome.unwrap_or_else(|error| report_error(name, &error))
}

/// Has the temporary files of this process, which have no names, lie in the instance folder: a container's own `/tmp` is small
/// and in memory, and a converted NetCDF-4 file may be as large as anything that is stored. And bounds what reading these may take.
pub fn use_scratch(config: &Config) {
    let mut limits = dataset::contained::limits();
    let bytes = |mib: u64| mib.saturating_mul(1 << 20);
    limits.unpacked_bytes = config.unpacked_limit_mb.map_or(limits.unpacked_bytes, bytes);
    limits.kept_bytes = config.unpacked_kept_mb.map_or(limits.kept_bytes, bytes);
    limits.memory_bytes = config.reader_memory_mb.map_or(limits.memory_bytes, bytes);
    dataset::contained::set_limits(limits);
    let folder = std::path::absolute(&config.instance).unwrap_or_else(|_| config.instance.clone());
    // The first to say so decides: there is one instance to a process.
    let _ = tempfile::env::override_temp_dir(&folder);
}

/// A token that SIGTERM and SIGINT cancel. A second signal ends the process at once.
///
/// # Errors
/// The operating system gives no signals.
pub fn stop_on_signals() -> Result<CancellationToken, Error> {
    let listen = |kind| signal(kind).map_err(|error| Error::Other(format!("no signals: {error}")));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if token.is_cancelled() {
                std::process::exit(1);
            }
            tracing::info!("stopping: finishing what is in hand");
            token.cancel();
        }
    });
    Ok(stop)
}

/// Asks the running service on this machine, at one of its health endpoints, and gives the body of its answer.
///
/// # Errors
/// It does not answer, or not with 200.
pub fn ask(health: &Listen, path: &str) -> Result<String, Error> {
    let host = if health.host == "0.0.0.0" { "127.0.0.1" } else { &health.host };
    let address = format!("{host}:{}", health.port);
    let answer = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(&address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        // HTTP/1.0: the body comes as it is, not in chunks.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    match answer() {
        Ok(answer) => match (answer.split(' ').nth(1), answer.split_once("\r\n\r\n")) {
            (Some("200"), Some((_, body))) => Ok(body.to_owned()),
            _ => {
                Err(Error::Other(format!("{address} answers {}", answer.lines().next().unwrap_or("nothing"))))
            }
        },
        Err(error) => Err(Error::Other(format!("{address} does not answer: {error}"))),
    }
}

/// Prints an error once, with everything that caused it.
fn report_error(name: &str, error: &(dyn std::error::Error + 'static)) -> ExitCode {
    eprintln!("{name}: {}", store::chain(error));
    ExitCode::FAILURE
}
