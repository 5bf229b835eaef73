//! The Docker engine, by its socket or through Portainer, which passes its API on: the containers of the stack.
//!
//! Nothing here can remove a volume; the only containers that are removed are helpers made here.

use std::path::PathBuf;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use reqwest_tls::{Client, RequestBuilder, Response, Url};
use serde_json::{Value, json};

use crate::{Error, Secret, http};

/// For what ends when it is done: a log that is followed.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(7 * 24 * 3600);

/// How often a helper is asked how it is, and for how long nobody may answer before that is given up.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// An engine.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    client: Client,
    base: Url,
    /// Of Portainer, when it stands between.
    token: Option<Secret>,
}

/// A container of the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Container {
    /// The engine's word for it.
    pub(crate) id: String,
    /// Its name, without the slash.
    pub(crate) name: String,
    /// The service of the stack that it is one of.
    pub(crate) service: String,
    /// The image as the stack file names it.
    pub(crate) image: String,
    /// The image that it runs.
    pub(crate) image_id: String,
    /// `running`, `exited`, ...
    pub(crate) state: String,
    /// In the engine's words: `Up 3 minutes (healthy)`.
    pub(crate) status: String,
    /// A task of a swarm: the swarm replaces it instead of restarting it.
    pub(crate) swarm: bool,
}

impl Container {
    /// What the health check says; `None` where there is none.
    pub(crate) fn health(&self) -> Option<&str> {
        let (_, word) = self.status.rsplit_once('(')?;
        match word.trim_end_matches(')') {
            "health: starting" => Some("starting"),
            word @ ("healthy" | "unhealthy") => Some(word),
            _ => None,
        }
    }
}

/// What an image says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Image {
    /// `org.opencontainers.image.version`
    pub(crate) version: Option<String>,
    /// `org.opencontainers.image.revision`
    pub(crate) revision: Option<String>,
    /// Digests under which registries know it.
    pub(crate) digests: Vec<String>,
}

/// What a command in a container printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Printed {
    /// On its standard output.
    pub(crate) out: String,
    /// On its standard error.
    pub(crate) err: String,
    /// Its exit status.
    pub(crate) status: i64,
}

/// A piece of what a container printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// On its standard error.
    pub(crate) error: bool,
    /// The text, in pieces as they come.
    pub(crate) bytes: Bytes,
}

impl Engine {
    /// The engine of this machine, `unix:///var/run/docker.sock`, or another one over TLS, `https://host:port`.
    ///
    /// # Errors
    /// [`Error::Usage`] for another kind of address.
    pub(crate) fn direct(builder: reqwest_tls::ClientBuilder, address: &str) -> Result<Self, Error> {
        let (client, base) = match address.strip_prefix("unix://") {
            Some(path) => {
                let client = http::build(http::here_only(builder).unix_socket(PathBuf::from(path)))?;
                (client, http::address("the engine", "http://localhost/")?)
            }
            None => {
                (http::build(http::here_only(builder))?, http::address("the engine (--engine)", address)?)
            }
        };
        Ok(Self { client, base, token: None })
    }

    /// The engine of an environment of Portainer: `base` is where Portainer passes its API on.
    pub(crate) fn behind_portainer(client: Client, base: Url, token: Secret) -> Self {
        Self { client, base, token: Some(token) }
    }

    fn url(&self, path: &str) -> Result<Url, Error> {
        self.base.join(path).map_err(|error| Error::answer(path, error.to_string()))
    }

    fn with(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => crate::portainer::authorized(request, token),
            None => request,
        }
    }

    async fn get(&self, what: &str, path: &str) -> Result<Value, Error> {
        let request = self.with(self.client.get(self.url(path)?));
        http::json(what, http::send(what, request).await?).await
    }

    async fn post(&self, what: &str, path: &str, body: &Value) -> Result<Response, Error> {
        let request = self.with(self.client.post(self.url(path)?)).json(body);
        http::send(what, request).await
    }

    /// The containers of a stack, by service and name; those of `docker compose run` are none of it.
    ///
    /// # Errors
    /// The engine does not answer.
    pub(crate) async fn containers(&self, stack: &str) -> Result<Vec<Container>, Error> {
        let all = self.get("the containers", "containers/json?all=1").await?;
        let mut found: Vec<Container> =
            all.as_array().into_iter().flatten().filter_map(|one| container(one, stack)).collect();
        found.sort_by(|a, b| (&a.service, &a.name).cmp(&(&b.service, &b.name)));
        Ok(found)
    }

    /// What an image says of itself.
    ///
    /// # Errors
    /// The engine does not answer, or has no such image.
    pub(crate) async fn image(&self, id: &str) -> Result<Image, Error> {
        let image = self.get("an image", &format!("images/{id}/json")).await?;
        let label = |name: &str| {
            let text = image["Config"]["Labels"][format!("org.opencontainers.image.{name}")].as_str()?;
            (!text.is_empty() && text != "unknown").then(|| text.to_owned())
        };
        let digests = image["RepoDigests"].as_array().into_iter().flatten();
        Ok(Image {
            version: label("version"),
            revision: label("revision"),
            digests: digests
                .filter_map(|digest| Some(digest.as_str()?.split_once('@')?.1.to_owned()))
                .collect(),
        })
    }

    /// Restarts a container: it is told to stop, given `grace` seconds, and started again on the same image.
    ///
    /// # Errors
    /// The engine refuses.
    pub(crate) async fn restart(&self, container: &Container, grace: u32) -> Result<(), Error> {
        let what = format!("restarting {}", container.name);
        let url = self.url(&format!("containers/{}/restart?t={grace}", container.id))?;
        let patience = Duration::from_secs(u64::from(grace) + 60);
        http::send(&what, self.with(self.client.post(url)).timeout(patience)).await.map(drop)
    }

    async fn inspect(&self, what: &str, container: &Container) -> Result<Value, Error> {
        self.get(what, &format!("containers/{}/json", container.id)).await
    }

    /// Whether one of these variables is set in a container.
    ///
    /// # Errors
    /// The engine does not answer.
    pub(crate) async fn has_variable(&self, container: &Container, names: &[&str]) -> Result<bool, Error> {
        let found = self.inspect(&container.name, container).await?;
        let set = found["Config"]["Env"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Ok(set
            .filter_map(|line| line.split_once('='))
            .any(|(name, value)| names.contains(&name) && !value.is_empty()))
    }

    /// Whether there is a volume of this name.
    ///
    /// # Errors
    /// The engine does not answer.
    pub(crate) async fn has_volume(&self, name: &str) -> Result<bool, Error> {
        match self.get("the volume", &format!("volumes/{name}")).await {
            Ok(_) => Ok(true),
            Err(Error::Status { status: 404, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Runs a command in a container and waits for its end.
    ///
    /// # Errors
    /// The engine refuses, or the container is down.
    pub(crate) async fn exec(&self, container: &Container, command: &[&str]) -> Result<Printed, Error> {
        let what = format!("running {} in {}", command.first().unwrap_or(&"nothing"), container.name);
        let body = json!({ "AttachStdout": true, "AttachStderr": true, "Cmd": command });
        let made = self.post(&what, &format!("containers/{}/exec", container.id), &body).await?;
        let made = http::json(&what, made).await?;
        let id = made["Id"].as_str().ok_or_else(|| Error::answer(&what, "the engine names no exec"))?;
        let start = json!({ "Detach": false, "Tty": false });
        let response = self.post(&what, &format!("exec/{id}/start"), &start).await?;
        let (out, err) = whole(pieces(what.clone(), response)).await?;
        let state = self.get(&what, &format!("exec/{id}/json")).await?;
        Ok(Printed { out, err, status: state["ExitCode"].as_i64().unwrap_or(-1) })
    }

    /// What a container has printed: the last `tail` lines (`all`), since a time in seconds since 1970, and, when
    /// followed, what it prints from now on.
    ///
    /// # Errors
    /// The engine refuses.
    pub(crate) async fn logs(
        &self,
        container: &Container,
        tail: &str,
        since: Option<i64>,
        follow: Follow,
    ) -> Result<Pieces, Error> {
        let what = format!("the log of {}", container.name);
        let follow = if follow == Follow::Yes { 1 } else { 0 };
        let since = since.map(|since| format!("&since={since}")).unwrap_or_default();
        let path =
            format!("containers/{}/logs?stdout=1&stderr=1&tail={tail}&follow={follow}{since}", container.id);
        let request = self.client.get(self.url(&path)?).timeout(FOLLOW_TIMEOUT);
        let response = http::send(&what, self.with(request)).await?;
        Ok(pieces(what, response))
    }

    /// Runs a container of `like`'s image and volumes once, with `mount` as `/backups`, as the service's user, and
    /// removes it; the volumes stay. One that is still at work when nobody answers any more is left to it.
    ///
    /// # Errors
    /// The engine refuses, or does not answer for minutes.
    pub(crate) async fn run_once(
        &self,
        like: &Container,
        mount: &str,
        command: &[&str],
    ) -> Result<Printed, Error> {
        let what = format!("a helper beside {}", like.name);
        let body = json!({
            "Image": like.image_id,
            "Entrypoint": command.get(..1),
            "Cmd": command.get(1..),
            "NetworkDisabled": true,
            "Labels": { "com.centurylinklabs.watchtower.enable": "false" },
            "HostConfig": {
                "VolumesFrom": [like.id],
                "Binds": [format!("{mount}:/backups")],
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges:true"],
            },
        });
        let made = http::json(&what, self.post(&what, "containers/create", &body).await?).await?;
        let id = made["Id"].as_str().ok_or_else(|| Error::answer(&what, "the engine names no container"))?;
        let helper = Container { id: id.to_owned(), name: what.clone(), ..like.clone() };
        let ran = self.run_helper(&what, &helper).await;
        // Without `v=1`: not even its unnamed volumes are removed. Without `force=1`: not one that is still at work.
        let gone = self.with(self.client.delete(self.url(&format!("containers/{id}"))?));
        match (ran, http::send(&what, gone).await) {
            (Ok(printed), gone) => gone.map(|_| printed),
            (Err(error), Ok(_)) => Err(error),
            (Err(error), Err(_)) => Err(Error::Refused(format!(
                "{error}. The helper may still be at work: look at the container {}, and remove it when it has ended",
                id.get(..12).unwrap_or(id)
            ))),
        }
    }

    async fn run_helper(&self, what: &str, helper: &Container) -> Result<Printed, Error> {
        self.post(what, &format!("containers/{}/start", helper.id), &json!({})).await?;
        let status = self.ended(what, helper).await?;
        let (out, err) = whole(self.logs(helper, "all", None, Follow::No).await?).await?;
        Ok(Printed { out, err, status })
    }

    /// The exit status of a container, once it has ended. It is asked again and again: one answer that takes hours would be cut
    /// off by whatever stands between.
    async fn ended(&self, what: &str, container: &Container) -> Result<i64, Error> {
        let mut heard = Instant::now();
        let mut pause = POLL_INTERVAL / 20;
        loop {
            match self.inspect(what, container).await {
                Ok(found) if matches!(found["State"]["Status"].as_str(), Some("exited" | "dead")) => {
                    return Ok(found["State"]["ExitCode"].as_i64().unwrap_or(-1));
                }
                Ok(_) => heard = Instant::now(),
                Err(error) if heard.elapsed() > IDLE_TIMEOUT => return Err(error),
                Err(_) => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(POLL_INTERVAL);
        }
    }
}

/// Whether to wait for what is still to be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    /// Until somebody ends it.
    Yes,
    /// No.
    No,
}

/// What a container prints, as it comes.
pub(crate) type Pieces = Pin<Box<dyn Stream<Item = Result<Piece, Error>> + Send>>;

fn container(one: &Value, stack: &str) -> Option<Container> {
    let label = |name: &str| one["Labels"][name].as_str();
    let swarm = label("com.docker.stack.namespace") == Some(stack);
    let service = if swarm {
        let full = label("com.docker.swarm.service.name")?;
        full.strip_prefix(stack)?.strip_prefix('_')?
    } else {
        if label("com.docker.compose.project") != Some(stack) {
            return None;
        }
        if label("com.docker.compose.oneoff").is_some_and(|word| word.eq_ignore_ascii_case("true")) {
            return None;
        }
        label("com.docker.compose.service")?
    };
    let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
    Some(Container {
        id: text("Id"),
        name: one["Names"][0].as_str().unwrap_or_default().trim_start_matches('/').to_owned(),
        service: service.to_owned(),
        image: text("Image"),
        image_id: text("ImageID"),
        state: text("State"),
        status: text("Status"),
        swarm,
    })
}

/// Takes the engine's stream apart: eight bytes that tell which output and how long, then the text.
fn pieces(what: String, response: Response) -> Pieces {
    struct State {
        what: String,
        body: Pin<Box<dyn Stream<Item = reqwest_tls::Result<Bytes>> + Send>>,
        held: BytesMut,
    }
    let state = State { what, body: Box::pin(response.bytes_stream()), held: BytesMut::new() };
    Box::pin(futures_util::stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        loop {
            if let Some(piece) = piece(&mut state.held) {
                return Some((Ok(piece), Some(state)));
            }
            match state.body.next().await {
                Some(Ok(bytes)) => state.held.extend_from_slice(&bytes),
                None => return None,
                Some(Err(source)) => {
                    let error = Error::Http { what: state.what, source: source.without_url() };
                    return Some((Err(error), None));
                }
            }
        }
    }))
}

/// All that was printed, on the output and on the standard error.
async fn whole(mut pieces: Pieces) -> Result<(String, String), Error> {
    let (mut out, mut err) = (String::new(), String::new());
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        let text = String::from_utf8_lossy(&piece.bytes);
        if piece.error { err.push_str(&text) } else { out.push_str(&text) }
    }
    Ok((out, err))
}

fn piece(held: &mut BytesMut) -> Option<Piece> {
    let header: [u8; 8] = held.get(..8)?.try_into().ok()?;
    let [kind @ 0..=2, 0, 0, 0, length @ ..] = header else {
        // A container with a terminal has no frames: everything is its output.
        return Some(Piece { error: false, bytes: held.split().freeze() });
    };
    let length = u32::from_be_bytes(length) as usize;
    if held.len() < 8 + length {
        return None;
    }
    held.advance(8);
    Some(Piece { error: kind == 2, bytes: held.split_to(length).freeze() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_taken_apart_wherever_it_is_cut() {
        let whole = b"\x01\0\0\0\0\0\0\x03one\x02\0\0\0\0\0\0\x03two";
        for cut in 0..whole.len() {
            let mut held = BytesMut::from(&whole[..cut]);
            let mut found = Vec::new();
            while let Some(piece) = piece(&mut held) {
                found.push(piece);
            }
            held.extend_from_slice(&whole[cut..]);
            while let Some(piece) = piece(&mut held) {
                found.push(piece);
            }
            let texts: Vec<_> = found.iter().map(|piece| (piece.error, &piece.bytes[..])).collect();
            assert_eq!(texts, [(false, &b"one"[..]), (true, &b"two"[..])], "cut at {cut}");
        }
    }

    #[test]
    fn containers_of_either_kind_of_stack_are_found() {
        let compose = json!({
            "Id": "1", "Names": ["/climsim-nginx-1"], "State": "running", "Status": "Up 2 hours (healthy)",
            "Labels": {"com.docker.compose.project": "climsim", "com.docker.compose.service": "nginx",
                       "com.docker.compose.oneoff": "False"}});
        let found = container(&compose, "climsim").unwrap();
        assert_eq!((found.service.as_str(), found.health(), found.swarm), ("nginx", Some("healthy"), false));
        assert_eq!(container(&compose, "other"), None);
        let swarm = json!({
            "Id": "2", "Names": ["/climsim_flask_app.1.x"], "Status": "Up 1 second (health: starting)",
            "Labels": {"com.docker.stack.namespace": "climsim",
                       "com.docker.swarm.service.name": "climsim_flask_app"}});
        let found = container(&swarm, "climsim").unwrap();
        assert_eq!(
            (found.service.as_str(), found.health(), found.swarm),
            ("flask_app", Some("starting"), true)
        );
        let once = json!({"Labels": {"com.docker.compose.project": "climsim",
            "com.docker.compose.service": "flask_app", "com.docker.compose.oneoff": "True"}});
        assert_eq!(container(&once, "climsim"), None);
    }
}
