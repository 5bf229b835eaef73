//! A RabbitMQ of our own.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Where Debian and the generic package put the server (not the wrapper in the path, which insists on its own user).
const SERVERS: [&str; 3] = [
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/opt/rabbitmq/sbin/rabbitmq-server",
    "/usr/local/sbin/rabbitmq-server",
];

/// One vhost for each test that asks.
const VHOSTS: usize = 64;

/// The server's keeper: obeys words on its standard input, and takes the server down with it when that ends, which
/// it does however the test process ends.
const KEEPER: &str = r#"
epmd -port "$ERL_EPMD_PORT" >/dev/null 2>&1 </dev/null & epmd=$!
server=
down() { if [ -n "$server" ]; then kill "$1" "$server" 2>/dev/null; wait "$server" 2>/dev/null; server=; fi; }
while read -r word; do
    case $word in
        start) "$SERVER" >>"$HOME/server.log" 2>&1 </dev/null & server=$! ;;
        stop) down -TERM ;;
        fill) "${SERVER%-server}ctl" set_vm_memory_high_watermark 0.0000001 >>"$HOME/server.log" 2>&1 </dev/null ;;
        relieve) "${SERVER%-server}ctl" set_vm_memory_high_watermark 0.9 >>"$HOME/server.log" 2>&1 </dev/null ;;
        kill) kill -9 "$(cat "$RABBITMQ_PID_FILE")" 2>/dev/null; down -TERM ;;
    esac
    echo "$word"
done
down -TERM
kill "$epmd"
rm -rf "$HOME"
"#;

/// A private node, or the one that `CLIMSIM_TEST_RABBITMQ` names.
#[derive(Debug)]
pub struct RabbitMq {
    base: String,
    next_vhost: AtomicUsize,
    node: Option<Node>,
}

#[derive(Debug)]
struct Node {
    port: u16,
    home: PathBuf,
    keeper: Mutex<(Child, ChildStdin)>,
}

/// The test process's RabbitMQ, started at the first call; `None` (said aloud) when there is none to start.
pub fn rabbitmq() -> Option<&'static RabbitMq> {
    static SERVER: OnceLock<Option<RabbitMq>> = OnceLock::new();
    SERVER.get_or_init(RabbitMq::start).as_ref()
}

impl RabbitMq {
    /// A node of its own, for tests that stop and start it; see [`rabbitmq`] for the shared one.
    pub fn start() -> Option<Self> {
        if let Ok(url) = std::env::var("CLIMSIM_TEST_RABBITMQ") {
            return Some(Self { base: url, next_vhost: AtomicUsize::new(0), node: None });
        }
        let Some(server) = SERVERS.into_iter().find(|path| fs::exists(path).unwrap_or(false)) else {
            crate::skipped("no RabbitMQ", "install rabbitmq-server, or name one in CLIMSIM_TEST_RABBITMQ");
            return None;
        };
        match Node::start(server) {
            Ok(node) => {
                let base = format!("amqp://guest:guest@127.0.0.1:{}", node.port);
                Some(Self { base, next_vhost: AtomicUsize::new(0), node: Some(node) })
            }
            Err(error) => panic!("could not start the private RabbitMQ: {error}"),
        }
    }

    /// The address of a vhost that no other test uses (an external server is used as it is named).
    pub fn url(&self) -> String {
        if self.node.is_none() {
            return self.base.clone();
        }
        let n = self.next_vhost.fetch_add(1, Ordering::SeqCst);
        assert!(n < VHOSTS, "more than {VHOSTS} tests in one process");
        format!("{}/t{n}", self.base)
    }

    /// True when the node is ours to stop and start.
    pub fn is_private(&self) -> bool {
        self.node.is_some()
    }

    /// Stops the node as an operator would.
    ///
    /// # Panics
    /// The node is not ours, or does not obey.
    pub fn stop(&self) {
        self.node().tell("stop").expect("the node stops");
    }

    /// Kills the node as a power cut would.
    ///
    /// # Panics
    /// As [`RabbitMq::stop`].
    pub fn kill(&self) {
        self.node().tell("kill").expect("the node is killed");
    }

    /// Has the node find that its memory is used up: it takes no messages any more.
    ///
    /// # Panics
    /// As [`RabbitMq::stop`].
    pub fn fill(&self) {
        self.node().tell("fill").expect("the node is told");
    }

    /// Ends what [`RabbitMq::fill`] began.
    ///
    /// # Panics
    /// As [`RabbitMq::stop`].
    pub fn relieve(&self) {
        self.node().tell("relieve").expect("the node is told");
    }

    /// Starts the node again on its old port and data, and waits until it listens.
    ///
    /// # Panics
    /// As [`RabbitMq::stop`].
    pub fn restart(&self) {
        let node = self.node();
        node.tell("start").and_then(|()| node.listening()).expect("the node starts again");
    }

    fn node(&self) -> &Node {
        self.node.as_ref().expect("a private node")
    }
}

impl Node {
    fn start(server: &str) -> io::Result<Self> {
        let home = TempDir::with_prefix("climsim-rabbitmq-")?.keep();
        let [port, distribution, epmd] = crate::free_ports()?;
        let mut vhosts = String::new();
        let mut permissions = String::new();
        for n in 0..VHOSTS {
            let _ = write!(vhosts, ", {{\"name\": \"t{n}\"}}");
            let _ = write!(
                permissions,
                ", {{\"user\": \"guest\", \"vhost\": \"t{n}\", \"configure\": \".*\", \"write\": \".*\", \"read\": \".*\"}}"
            );
        }
        let definitions = format!(
            r#"{{"users": [{{"name": "guest", "password": "guest", "tags": "administrator"}}],
                 "vhosts": [{{"name": "/"}}{vhosts}],
                 "permissions": [{{"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}}{permissions}]}}"#
        );
        fs::write(home.join("definitions.json"), definitions)?;
        fs::write(home.join("plugins"), "[].")?;
        let configuration = format!("load_definitions = {}\n", home.join("definitions.json").display());
        fs::write(home.join("rabbitmq.conf"), configuration)?;
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER])
            .env("SERVER", server)
            .env("HOME", &home)
            .env("ERL_EPMD_PORT", epmd.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", format!("test{port}@localhost"))
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", port.to_string())
            .env("RABBITMQ_DIST_PORT", distribution.to_string())
            .env("RABBITMQ_MNESIA_BASE", home.join("data"))
            .env("RABBITMQ_PID_FILE", home.join("pid"))
            .env("RABBITMQ_LOG_BASE", home.join("log"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_CONFIG_FILE", home.join("rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", home.join("plugins"))
            .env("RABBITMQ_ALLOW_INPUT", "")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin =
            keeper.stdin.take().ok_or_else(|| io::Error::other("the keeper has no standard input"))?;
        let node = Self { port, home, keeper: Mutex::new((keeper, stdin)) };
        node.tell("start")?;
        node.listening()?;
        Ok(node)
    }

    /// Sends the keeper a word and waits until it is carried out.
    fn tell(&self, word: &str) -> io::Result<()> {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(keeper.1, "{word}")?;
        let answers = keeper.0.stdout.as_mut().ok_or_else(|| io::Error::other("the keeper has no output"))?;
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\n") {
            io::Read::read_exact(answers, &mut byte)?;
            answer.push(byte[0]);
        }
        Ok(())
    }

    fn listening(&self) -> io::Result<()> {
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if since.elapsed() > Duration::from_secs(120) {
                let log = fs::read_to_string(self.home.join("server.log")).unwrap_or_default();
                let tail: String = log.lines().rev().take(20).collect::<Vec<_>>().join("\n");
                return Err(io::Error::other(format!(
                    "it does not listen after 120 s; its last words:\n{tail}"
                )));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}
