//! The command line. Secrets are no arguments: they would be seen by everybody on the machine.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// The operators' tool of the Climate Simulation Platform.
///
/// Secrets come from the environment, or from files that variables with _FILE appended name: PORTAINER_TOKEN (an access token of
/// Portainer), WATCHTOWER_TOKEN, and for registries what `docker login` keeps, or DOCKER_USER and DOCKER_PASSWORD (Docker
/// Hub), DOCKER_USER_OSU and DOCKER_PASSWORD_OSU (the institute's).
///
/// Exit status: 0 done and well, 1 not done or not well, 2 the command cannot be understood.
#[derive(Debug, Parser)]
#[command(name = "stackctl", version, propagate_version = true)]
pub(crate) struct Arguments {
    /// Whom to ask, and how to answer.
    #[command(flatten)]
    pub(crate) peers: Peers,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where everything is.
#[derive(Debug, Args)]
pub(crate) struct Peers {
    /// Portainer's address; without it the engine of this machine is asked
    #[arg(long, global = true, env = "PORTAINER_URL", value_name = "URL")]
    pub(crate) portainer: Option<String>,
    /// Environment of Portainer in which the stack runs, by name or number
    #[arg(long, global = true, env = "PORTAINER_ENVIRONMENT", value_name = "NAME")]
    pub(crate) environment: Option<String>,
    /// The Docker engine, when there is no Portainer
    #[arg(
        long,
        global = true,
        env = "DOCKER_HOST",
        value_name = "ADDRESS",
        default_value = "unix:///var/run/docker.sock"
    )]
    pub(crate) engine: String,
    /// Name of the stack
    #[arg(long, global = true, env = "STACKCTL_STACK", value_name = "NAME", default_value = "climsim")]
    pub(crate) stack: String,
    /// Registries, as images are named by them
    #[arg(
        long,
        global = true,
        env = "STACKCTL_REGISTRIES",
        value_name = "PLACE",
        value_delimiter = ',',
        default_value = "ceregecl,registry.osupytheas.fr:443"
    )]
    pub(crate) registry: Vec<String>,
    /// Where `docker login` keeps its credentials; ~/.docker/config.json where that exists
    #[arg(long, global = true, env = "STACKCTL_REGISTRY_AUTH", value_name = "FILE")]
    pub(crate) registry_auth: Option<PathBuf>,
    /// Watchtower's address
    #[arg(
        long,
        global = true,
        env = "WATCHTOWER_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:5557"
    )]
    pub(crate) watchtower: String,
    /// Certificates (PEM) of authorities to trust beside the system's
    #[arg(long, global = true, env = "STACKCTL_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what the registries hold, newest first, which sets are complete, and what runs
    Tags {
        /// Time stamps to show of each registry
        #[arg(long, default_value_t = 10, value_name = "N")]
        limit: usize,
    },
    /// Show every service: version, health, what it misses, queues
    Status,
    /// Run the whole stack on one tag (Portainer): a time stamp never moves, `latest` follows Watchtower
    Pin {
        /// The tag
        tag: String,
        #[command(flatten)]
        deploy: Deploy,
    },
    /// Go back to the complete set before the one that runs (Portainer)
    Rollback {
        #[command(flatten)]
        deploy: Deploy,
    },
    /// Deploy the stack again with its file and variables, pulling every image (Portainer)
    Redeploy {
        /// Replace the stack's file by this one
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        deploy: Deploy,
    },
    /// Restart the containers of a service on the image that they have
    Restart {
        /// The service, such as flask_app
        service: String,
        /// Seconds that it may take to be healthy again; 0 does not wait
        #[arg(long, default_value_t = 120, value_name = "SECONDS")]
        wait: u64,
    },
    /// Show what a service has logged
    Logs {
        /// The service, such as python_worker
        service: String,
        /// Lines of each container, or `all`
        #[arg(long, default_value = "200", value_name = "N")]
        tail: String,
        /// Only what is younger, such as 90s, 10m, 2h, 3d
        #[arg(long, value_name = "AGE")]
        since: Option<String>,
        /// Go on until interrupted
        #[arg(long)]
        follow: bool,
    },
    /// Let Watchtower look for new images now
    Update {
        /// Do not wait for the end of the round
        #[arg(long = "async")]
        in_background: bool,
    },
    /// Copy the instance (database and files) into a folder of backups while the platform runs
    Backup {
        /// The folder of backups; later ones copy only what is new
        to: PathBuf,
        /// Keep this many backups, and remove older ones
        #[arg(long, value_name = "N")]
        keep: Option<usize>,
        #[command(flatten)]
        instance: Instance,
    },
    /// Put a backup back, or rehearse it; nothing is removed by it
    Restore {
        /// A backup (.json), or a folder of them for the newest
        from: PathBuf,
        /// Read everything, compare hashes, open a copy of the database: change nothing
        #[arg(long)]
        check: bool,
        #[command(flatten)]
        instance: Instance,
    },
    /// Replace the original platform's transient exchange by a durable one; its services must be stopped
    ReplaceExchange {
        /// The broker, amqp://host:port/vhost without a user; BROKER_HOSTNAME, BROKER_USER, BROKER_PASSWORD as for the services
        #[arg(long, value_name = "URL")]
        broker: Option<String>,
        /// Do it in a container of the stack, which knows the broker
        #[arg(long)]
        on_engine: bool,
    },
}

/// How a deployment goes.
#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// Seconds that the services may take to be healthy; 0 does not wait
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub(crate) wait: u64,
    /// The stack starts without its data: its volume need not exist
    #[arg(long)]
    pub(crate) new_volume: bool,
}

/// Which instance.
#[derive(Debug, Args)]
pub(crate) struct Instance {
    /// The instance folder
    #[arg(long, env = "INSTANCE_PATH", value_name = "FOLDER", default_value = "/usr/src/app/instance")]
    pub(crate) instance: PathBuf,
    /// The stack's instance, in a helper container beside flask_app; the folder of backups is one of the engine's machine, or
    /// the name of a volume
    #[arg(long)]
    pub(crate) on_engine: bool,
}
