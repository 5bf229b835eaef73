//! Stand-ins: Portainer (with the engine behind it), Watchtower, and a registry that lists its tags in pages. They refuse what
//! the real ones refuse, and write down what they were asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data, Json, Path, Query};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use anyhow::{Context, Result};
use end_to_end::Registry;
use serde_json::{Value, json};

use crate::registry::filled;

/// Portainer's access token.
pub(crate) const TOKEN: &str = "ptr_pillow+lava";
/// Watchtower's.
pub(crate) const WATCHTOWER_TOKEN: &str = "turbidite";
/// A variable of the stack that nobody may see.
pub(crate) const STACK_SECRET: &str = "ophiolite";

pub(crate) const SERVICES: [&str; 6] =
    ["nginx", "flask_app", "panel_app", "message_dispatcher", "python_worker", "mosaic_worker"];

/// What the stand-ins know.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// The stack's file, and its variables.
    pub(crate) file: String,
    pub(crate) variables: Value,
    /// From Git: what the next redeployment fetches.
    pub(crate) git: Option<String>,
    pub(crate) volumes: BTreeSet<String>,
    /// Service and image of each container.
    pub(crate) containers: BTreeMap<String, String>,
    /// Status of each container, where it is not `Up 2 minutes (healthy)`.
    pub(crate) statuses: BTreeMap<String, String>,
    /// Digest of each image, as pulled.
    pub(crate) digests: BTreeMap<String, String>,
    /// What a service answers at `/readyz`, where that is not that it is ready.
    pub(crate) not_ready: BTreeMap<String, Value>,
    /// What a service answers at `/version`, where that is not `0.1.0`.
    pub(crate) versions: BTreeMap<String, String>,
    /// What a helper container prints, and how it ends.
    pub(crate) helper: (String, i64),
    /// How often the helper is asked for until it has ended; the time before the last, whatever stands between does not answer.
    pub(crate) helper_works: usize,
    /// The environment of every container.
    pub(crate) environment: Vec<String>,
    /// Where every question is sent on to, when it is.
    pub(crate) elsewhere: Option<String>,
    /// Watchtower: what it answers.
    pub(crate) watchtower: (u16, String),
    /// Tags of the registry in pages.
    pub(crate) pages: Vec<String>,
    /// Everything that changes something: method, path, body.
    pub(crate) changes: Vec<(String, String, Value)>,
}

/// The running stand-ins; they end with the test's runtime.
#[derive(Clone)]
pub(crate) struct Peers {
    pub(crate) address: String,
    world: Arc<Mutex<World>>,
}

impl Peers {
    pub(crate) async fn start() -> Result<Self> {
        let world = Arc::new(Mutex::new(World::new()));
        let data = Data::from(Arc::clone(&world));
        let server = HttpServer::new(move || App::new().app_data(data.clone()).configure(routes))
            .workers(1)
            .disable_signals()
            .bind("127.0.0.1:0")?;
        let address = *server.addrs().first().context("an address")?;
        tokio::spawn(server.run());
        Ok(Self { address: format!("http://{address}"), world })
    }

    /// The same with the stack on the images of a registry, which is filled with them.
    pub(crate) async fn on(registry: &Registry) -> Result<Self> {
        let (peers, digests) = (Self::start().await?, filled(registry).await?);
        let place = registry.place();
        let mut world = peers.world();
        world.digests.extend(digests);
        let variable = json!({ "name": "REGISTRY", "value": place });
        world.variables.as_array_mut().context("variables")?.push(variable);
        for (service, image) in &mut world.containers {
            if service != "message_broker" {
                *image = image.replace("ceregecl", &place);
            }
        }
        drop(world);
        Ok(peers)
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was changed since the last time that this was asked.
    pub(crate) fn changes(&self) -> Vec<(String, String, Value)> {
        std::mem::take(&mut self.world().changes)
    }
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            file: include_str!("../../../deploy/docker-compose.yaml").to_owned(),
            variables: json!([{ "name": "CSP_PASSWORD", "value": STACK_SECRET }]),
            volumes: BTreeSet::from(["climsim_instance_storage".to_owned()]),
            helper: ("done".to_owned(), 0),
            watchtower: (200, String::new()),
            ..Default::default()
        };
        world.deploy();
        world
    }

    fn variable(&self, name: &str) -> Option<String> {
        let variables = self.variables.as_array()?;
        let found = variables.iter().find(|variable| variable["name"] == name)?;
        Some(found["value"].as_str()?.to_owned())
    }

    /// Containers of the images that the file and the variables name.
    fn deploy(&mut self) {
        let registry = self.variable("REGISTRY").unwrap_or_else(|| "ceregecl".to_owned());
        let tag = self.variable("STACK_TAG").unwrap_or_else(|| "latest".to_owned());
        for service in SERVICES {
            let image = format!("{registry}/netcdf_editor_{service}:{tag}");
            self.containers.insert(service.to_owned(), image);
        }
        self.containers.insert("message_broker".to_owned(), "rabbitmq:4-management".to_owned());
    }
}

type SharedWorld = Data<Mutex<World>>;

fn locked(world: &SharedWorld) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

fn routes(app: &mut web::ServiceConfig) {
    let engine = "/api/endpoints/2/docker";
    let at = |path: &str| format!("{engine}{path}");
    app.route("/api/endpoints", web::get().to(environments))
        .route("/api/stacks", web::get().to(stacks))
        .route("/api/stacks/{id}/file", web::get().to(file))
        .route("/api/stacks/{id}", web::put().to(update))
        .route("/api/stacks/{id}/git/redeploy", web::put().to(git_redeploy))
        .route(&at("/containers/json"), web::get().to(containers))
        .route(&at("/containers/{id}/json"), web::get().to(inspect))
        .route(&at("/images/{id:.*}/json"), web::get().to(image))
        .route(&at("/volumes/{name}"), web::get().to(volume))
        .route(&at("/containers/create"), web::post().to(create))
        .route(&at("/containers/{id}/{verb}"), web::post().to(act))
        .route(&at("/containers/{id}"), web::delete().to(remove))
        .route(&at("/containers/{id}/logs"), web::get().to(logs))
        .route(&at("/exec/{id}/start"), web::post().to(exec_start))
        .route(&at("/exec/{id}/json"), web::get().to(exec_state))
        .route("/v1/update", web::post().to(watchtower))
        .route("/v2/{image}/tags/list", web::get().to(paged))
        .route("/v2/", web::get().to(async || HttpResponse::Ok().finish()));
}

fn error(status: u16, message: &str, details: &str) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status).json(json!({ "message": message, "details": details }))
}

/// As Portainer answers without a valid token.
fn stranger(request: &HttpRequest) -> Option<HttpResponse> {
    let key = request.headers().get("X-API-Key").and_then(|value| value.to_str().ok());
    (key != Some(TOKEN)).then(|| error(401, "A valid authorization token is missing", "Unauthorized"))
}

macro_rules! let_in {
    ($request:expr) => {
        if let Some(refusal) = stranger(&$request) {
            return refusal;
        }
    };
}

async fn environments(request: HttpRequest, world: SharedWorld) -> HttpResponse {
    if let Some(elsewhere) = &locked(&world).elsewhere {
        return HttpResponse::TemporaryRedirect().insert_header(("Location", elsewhere.as_str())).finish();
    }
    let_in!(request);
    HttpResponse::Ok().json(json!([
        { "Id": 1, "Name": "prod", "Type": 1 },
        { "Id": 2, "Name": "dev", "Type": 1 },
    ]))
}

fn stack(world: &World) -> Value {
    let git = world.git.as_ref().map(|_| {
        json!({ "URL": "https://git.example/climsim", "ReferenceName": "refs/heads/main",
                "Authentication": { "Username": "deploy", "Password": "" } })
    });
    json!({ "Id": 7, "Name": "climsim", "Type": 2, "EndpointId": 2, "Status": 1, "Env": world.variables, "GitConfig": git })
}

async fn stacks(request: HttpRequest, world: SharedWorld) -> HttpResponse {
    let_in!(request);
    let other = json!({ "Id": 6, "Name": "climsim", "EndpointId": 1, "Env": [] });
    HttpResponse::Ok().json(json!([other, stack(&locked(&world))]))
}

async fn file(request: HttpRequest, world: SharedWorld, id: Path<i64>) -> HttpResponse {
    let_in!(request);
    if *id != 7 {
        return error(
            404,
            "Unable to find a stack with the specified identifier inside the database",
            "object not found",
        );
    }
    HttpResponse::Ok().json(json!({ "StackFileContent": locked(&world).file }))
}

type Parameters = Query<BTreeMap<String, String>>;

async fn update(
    request: HttpRequest,
    world: SharedWorld,
    id: Path<i64>,
    query: Parameters,
    body: Json<Value>,
) -> HttpResponse {
    let_in!(request);
    let mut world = locked(&world);
    world.changes.push(("PUT".into(), format!("stacks/{id}"), body.0.clone()));
    if query.get("endpointId").map(String::as_str) != Some("2") {
        return error(400, "Invalid query parameter: endpointId", "missing");
    }
    let Some(content) = body["StackFileContent"].as_str().filter(|text| !text.is_empty()) else {
        return error(400, "Invalid request payload", "Invalid stack file content");
    };
    content.clone_into(&mut world.file);
    world.variables = body["Env"].clone();
    world.deploy();
    HttpResponse::Ok().json(stack(&world))
}

async fn git_redeploy(
    request: HttpRequest,
    world: SharedWorld,
    id: Path<i64>,
    body: Json<Value>,
) -> HttpResponse {
    let_in!(request);
    let mut world = locked(&world);
    world.changes.push(("PUT".into(), format!("stacks/{id}/git/redeploy"), body.0.clone()));
    let Some(fetched) = world.git.clone() else {
        return error(400, "Stack is not created from git", "");
    };
    world.file = fetched;
    world.variables = body["Env"].clone();
    world.deploy();
    HttpResponse::Ok().json(stack(&world))
}

async fn containers(request: HttpRequest, world: SharedWorld) -> HttpResponse {
    let_in!(request);
    let world = locked(&world);
    let listed: Vec<Value> = world
        .containers
        .iter()
        .map(|(service, image)| {
            let status = world.statuses.get(service).map_or("Up 2 minutes (healthy)", String::as_str);
            let state = if status.starts_with("Up") { "running" } else { "exited" };
            json!({
                "Id": service, "Names": [format!("/climsim-{service}-1")], "Image": image,
                "ImageID": format!("image-of-{service}"), "State": state, "Status": status,
                "Labels": { "com.docker.compose.project": "climsim", "com.docker.compose.service": service,
                            "com.docker.compose.oneoff": "False" },
            })
        })
        .collect();
    HttpResponse::Ok().json(listed)
}

async fn inspect(request: HttpRequest, world: SharedWorld, id: Path<String>) -> HttpResponse {
    let_in!(request);
    let mut world = locked(&world);
    if id.as_str() != "helper" {
        return HttpResponse::Ok().json(json!({ "Id": *id, "Config": { "Env": world.environment } }));
    }
    world.helper_works = world.helper_works.saturating_sub(1);
    match world.helper_works {
        0 => HttpResponse::Ok().json(json!({ "State": { "Status": "exited", "ExitCode": world.helper.1 } })),
        1 => error(504, "Gateway Time-out", ""),
        _ => HttpResponse::Ok().json(json!({ "State": { "Status": "running", "ExitCode": 0 } })),
    }
}

async fn image(request: HttpRequest, world: SharedWorld, id: Path<String>) -> HttpResponse {
    let_in!(request);
    let world = locked(&world);
    let image = id.strip_prefix("image-of-").and_then(|service| world.containers.get(service));
    let Some(image) = image else { return error(404, "No such image", "") };
    let name = image.rsplit_once(':').map_or(image.as_str(), |(name, _)| name);
    let digests: Vec<String> =
        world.digests.get(image).map(|digest| format!("{name}@{digest}")).into_iter().collect();
    HttpResponse::Ok().json(json!({
        "Id": *id, "RepoDigests": digests,
        "Config": { "Labels": { "org.opencontainers.image.version": "0.1.0", "org.opencontainers.image.revision": "unknown" } },
    }))
}

async fn volume(request: HttpRequest, world: SharedWorld, name: Path<String>) -> HttpResponse {
    let_in!(request);
    if locked(&world).volumes.contains(name.as_str()) {
        return HttpResponse::Ok().json(json!({ "Name": *name }));
    }
    error(404, &format!("get {name}: no such volume"), "")
}

async fn create(request: HttpRequest, world: SharedWorld, body: Json<Value>) -> HttpResponse {
    let_in!(request);
    locked(&world).changes.push(("POST".into(), "containers/create".into(), body.0));
    HttpResponse::Created().json(json!({ "Id": "helper" }))
}

async fn act(
    request: HttpRequest,
    world: SharedWorld,
    way: Path<(String, String)>,
    body: Bytes,
) -> HttpResponse {
    let_in!(request);
    let (id, verb) = way.into_inner();
    let mut world = locked(&world);
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if verb == "exec" {
        // The id carries what is to be run: nobody has to remember it.
        let command = body["Cmd"].as_array().map(|words| words.len()).unwrap_or(0);
        return HttpResponse::Created().json(json!({ "Id": format!("{id}-{command}") }));
    }
    let query = request.query_string();
    world.changes.push(("POST".into(), format!("containers/{id}/{verb}?{query}"), body));
    if id != "helper" && !world.containers.contains_key(&id) {
        return error(404, &format!("No such container: {id}"), "");
    }
    HttpResponse::NoContent().finish()
}

async fn remove(request: HttpRequest, world: SharedWorld, id: Path<String>) -> HttpResponse {
    let_in!(request);
    let what = format!("containers/{id}?{}", request.query_string());
    locked(&world).changes.push(("DELETE".into(), what, Value::Null));
    HttpResponse::NoContent().finish()
}

/// As the engine sends what a container without a terminal prints.
fn framed(kind: u8, text: &str) -> Vec<u8> {
    let mut bytes = vec![kind, 0, 0, 0];
    bytes.extend(u32::try_from(text.len()).unwrap_or(0).to_be_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

async fn logs(request: HttpRequest, world: SharedWorld, id: Path<String>, query: Parameters) -> HttpResponse {
    let_in!(request);
    let mut out = Vec::new();
    if id.as_str() == "helper" {
        out.extend(framed(1, &locked(&world).helper.0));
    } else {
        let tail = query.get("tail").map_or("none", String::as_str);
        out.extend(framed(1, &format!("{id} says the last {tail}\n")));
        out.extend(framed(2, "and complains\n"));
        if query.contains_key("since") {
            out.extend(framed(1, "of late\n"));
        }
    }
    HttpResponse::Ok().content_type("application/vnd.docker.multiplexed-stream").body(out)
}

async fn exec_start(request: HttpRequest, world: SharedWorld, id: Path<String>) -> HttpResponse {
    let_in!(request);
    let world = locked(&world);
    let service = id.rsplit_once('-').map_or(id.as_str(), |(service, _)| service);
    let version = world.versions.get(service).map_or("0.1.0", String::as_str);
    let ready = match world.not_ready.get(service) {
        Some(missing) => json!({ "ready": false, "missing": missing }),
        None => json!({ "ready": true }),
    };
    let answer = |body: &str| format!("HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\n{body}\u{1e}");
    let metrics = "# TYPE climsim_queue_messages gauge\nclimsim_queue_messages{queue=\"preprocessing\"} 3\n\
                   climsim_dead_letters 0\n";
    let said =
        answer(&json!({ "service": service, "version": version, "commit": "abcdef0123456789" }).to_string())
            + &answer(&ready.to_string())
            + &answer(metrics);
    HttpResponse::Ok().body(framed(1, &said))
}

async fn exec_state(request: HttpRequest) -> HttpResponse {
    let_in!(request);
    HttpResponse::Ok().json(json!({ "ExitCode": 0, "Running": false }))
}

async fn watchtower(request: HttpRequest, world: SharedWorld) -> HttpResponse {
    let bearer = request.headers().get("Authorization").and_then(|value| value.to_str().ok());
    if bearer != Some(&format!("Bearer {WATCHTOWER_TOKEN}")) {
        return HttpResponse::Unauthorized().finish();
    }
    let mut world = locked(&world);
    world.changes.push(("POST".into(), format!("v1/update?{}", request.query_string()), Value::Null));
    let (status, body) = world.watchtower.clone();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status).content_type("application/json").body(body)
}

/// Two tags a page.
async fn paged(world: SharedWorld, query: Parameters, request: HttpRequest) -> HttpResponse {
    let pages = locked(&world).pages.clone();
    let last = query.get("last").map(String::as_str).unwrap_or_default();
    let rest: Vec<String> = pages.into_iter().filter(|tag| tag.as_str() > last).collect();
    let mut answer = HttpResponse::Ok();
    if rest.len() > 2 {
        let path = request.path();
        answer.insert_header(("Link", format!("<{path}?n=2&last={}>; rel=\"next\"", rest[1])));
    }
    answer.json(json!({ "name": "x", "tags": rest.iter().take(2).collect::<Vec<_>>() }))
}
