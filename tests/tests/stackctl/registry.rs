//! A real registry behind each of its doors: what it holds, and who is let in.

use std::fs;

use actix_web::web::{self, Data, Query};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use end_to_end::{Door, Registry};
use rcgen::{CertificateParams, KeyPair};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use crate::peers::{Peers, SERVICES, TOKEN};
use crate::tool::Tool;

pub(crate) const OLD: &str = "20261120T020000Z";
pub(crate) const HALF: &str = "20261121T020000Z";
pub(crate) const NEW: &str = "20261124T020000Z";

/// Three sets, one of them half, and `latest` on the newest; with the digest of every image.
pub(crate) async fn filled(registry: &Registry) -> Result<Vec<(String, String)>> {
    let mut digests = Vec::new();
    for service in SERVICES {
        let image = format!("netcdf_editor_{service}");
        for tag in [OLD, HALF, NEW, "latest", "0123456789ab"] {
            if tag == HALF && service != "nginx" {
                continue;
            }
            let content = if tag == "latest" { NEW } else { tag };
            let digest = registry.push(&image, tag, content).await?;
            digests.push((format!("{}/{image}:{tag}", registry.place()), digest));
        }
    }
    Ok(digests)
}

pub(crate) fn tool(registry: &Registry) -> Tool {
    Tool::default()
        .with("STACKCTL_REGISTRIES", registry.place())
        .with("STACKCTL_CA", registry.authority().display())
        // Nobody: what runs is not known unless a test says so.
        .with("DOCKER_HOST", "unix:///nowhere/docker.sock")
}

/// A file as `docker login` writes it.
fn login(folder: &std::path::Path, place: &str, user: &str, password: &str) -> Result<String> {
    let pair = STANDARD.encode(format!("{user}:{password}"));
    let file = folder.join("config.json");
    fs::write(&file, json!({ "auths": { place: { "auth": pair } } }).to_string())?;
    Ok(file.display().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_registry_holds_is_shown_newest_first() -> Result<()> {
    let Some(registry) = Registry::start().await? else { return Ok(()) };
    let digests = filled(&registry).await?;
    let peers = Peers::start().await?;
    {
        let mut world = peers.world();
        world.digests.extend(digests);
        let place = registry.place();
        for service in SERVICES {
            // In the middle of an update: one service runs the newest already.
            let tag = if service == "flask_app" { "latest" } else { OLD };
            let image = format!("{place}/netcdf_editor_{service}:{tag}");
            world.containers.insert(service.to_owned(), image);
        }
    }
    let tool = tool(&registry)
        .with("PORTAINER_URL", &peers.address)
        .with("PORTAINER_ENVIRONMENT", "dev")
        .secret("PORTAINER_TOKEN", TOKEN);
    let said = tool.run("tags").await?.well()?;
    let rows: Vec<Vec<&str>> = said
        .out
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    ensure!(rows[2] == [NEW, "complete", "latest", "flask_app"], "{}", said.out);
    ensure!(rows[3][0] == HALF && rows[3][1].starts_with("lacks netcdf_editor_flask_app"), "{}", said.out);
    ensure!(rows[4][..2] == [OLD, "complete"] && rows[4][2].contains("mosaic_worker"), "{}", said.out);
    ensure!(!said.out.contains("0123456789ab"), "commits are no sets: {}", said.out);

    let found = tool.run("tags --json --limit 1").await?.well()?.json()?;
    let holdings = &found["registries"][0];
    ensure!(holdings["older"] == 2 && holdings["sets"].as_array().map(Vec::len) == Some(1), "{found}");

    // `latest` moves for one image only, as when publishing breaks off.
    registry.push("netcdf_editor_nginx", "latest", OLD).await?;
    let said = tool.run("tags").await?.well()?;
    ensure!(said.out.contains("latest is no single set: nginx at 20261120T020000Z"), "{}", said.out);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_wants_a_password_gets_it_from_the_file_of_docker_login() -> Result<()> {
    let Some(mut registry) = Registry::start().await? else { return Ok(()) };
    filled(&registry).await?;
    registry.change(&Door::Password).await?;
    let (folder, place) = (tempfile::tempdir()?, registry.place());
    let stranger = tool(&registry);
    let said = stranger.run("tags").await?;
    ensure!(said.status == 1 && said.out.contains(&format!("docker login {place}")), "{said:?}");

    let file = login(folder.path(), &place, Registry::USER, Registry::PASSWORD)?;
    let mut operator = tool(&registry).with("STACKCTL_REGISTRY_AUTH", file);
    operator.secrets = vec![
        Registry::PASSWORD.to_owned(),
        STANDARD.encode(format!("{}:{}", Registry::USER, Registry::PASSWORD)),
    ];
    let said = operator.run("tags").await?.well()?;
    ensure!(said.out.contains(NEW), "{said:?}");

    let file = login(folder.path(), &place, Registry::USER, "schist+gneiss")?;
    let mut wrong = tool(&registry).with("STACKCTL_REGISTRY_AUTH", file);
    wrong.secrets = vec!["schist+gneiss".to_owned()];
    let said = wrong.run("tags").await?;
    ensure!(said.status == 1 && said.out.contains("401"), "{said:?}");

    // Without its authority the registry is not believed; nothing is sent to it.
    let mut unknown = operator.clone();
    unknown.environment.retain(|(name, _)| name != "STACKCTL_CA");
    let said = unknown.run("tags").await?;
    ensure!(said.status == 1 && said.out.to_lowercase().contains("certificate"), "{said:?}");
    Ok(())
}

/// What the place that hands out tokens needs.
struct Issuer {
    key: EcdsaKeyPair,
    certificate: Vec<u8>,
}

/// Hands out tokens to the operator, as the registry's documentation describes it.
async fn issue(
    request: HttpRequest,
    issuer: Data<Issuer>,
    query: Query<std::collections::BTreeMap<String, String>>,
) -> HttpResponse {
    let pair = STANDARD.encode(format!("{}:{}", Registry::USER, Registry::PASSWORD));
    let known = request.headers().get("Authorization").and_then(|value| value.to_str().ok());
    if known != Some(&format!("Basic {pair}")) {
        return HttpResponse::Unauthorized().json(json!({ "details": "incorrect username or password" }));
    }
    let scope: Vec<&str> = query.get("scope").map(|scope| scope.splitn(3, ':').collect()).unwrap_or_default();
    let [kind, name, actions] = scope[..] else { return HttpResponse::BadRequest().finish() };
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(&issuer.certificate)] });
    let claims = json!({
        "iss": "the test", "sub": Registry::USER, "aud": query.get("service"),
        "iat": now, "nbf": now - 10, "exp": now + 300, "jti": format!("{now}-{name}"),
        "access": [{ "type": kind, "name": name, "actions": actions.split(',').collect::<Vec<_>>() }],
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    match issuer.key.sign(&SystemRandom::new(), signed.as_bytes()) {
        Ok(signature) => {
            let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
            HttpResponse::Ok().json(json!({ "token": token, "expires_in": 300 }))
        }
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_wants_a_token_is_brought_one() -> Result<()> {
    let Some(mut registry) = Registry::start().await? else { return Ok(()) };
    filled(&registry).await?;
    let folder = tempfile::tempdir()?;
    let pair = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["the test".to_owned()])?.self_signed(&pair)?;
    let file = folder.path().join("issuer.pem");
    fs::write(&file, certificate.pem())?;
    let key = EcdsaKeyPair::from_pkcs8(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        &pair.serialize_der(),
        &SystemRandom::new(),
    )
    .ok()
    .context("a key")?;
    let issuer = Data::new(Issuer { key, certificate: certificate.der().to_vec() });
    let server =
        HttpServer::new(move || App::new().app_data(issuer.clone()).route("/token", web::get().to(issue)))
            .workers(1)
            .disable_signals()
            .bind("127.0.0.1:0")?;
    let realm = format!("http://{}/token", server.addrs().first().context("an address")?);
    tokio::spawn(server.run());
    registry.change(&Door::Token { certificate: file, realm }).await?;

    let stranger = tool(&registry).run("tags").await?;
    ensure!(stranger.status == 1 && stranger.out.contains("incorrect username"), "{stranger:?}");
    let place = registry.place();
    let file = login(folder.path(), &place, Registry::USER, Registry::PASSWORD)?;
    let mut operator = tool(&registry).with("STACKCTL_REGISTRY_AUTH", file);
    operator.secrets = vec![Registry::PASSWORD.to_owned()];
    let said = operator.run("tags").await?.well()?;
    ensure!(said.out.contains(NEW) && said.out.contains("latest"), "{said:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_of_tags_is_read_to_its_end() -> Result<()> {
    let peers = Peers::start().await?;
    let stamps: Vec<String> = (10..23).map(|day| format!("202611{day}T020000Z")).collect();
    peers.world().pages.clone_from(&stamps);
    let place = peers.address.trim_start_matches("http://").to_owned();
    let tool =
        Tool::default().with("STACKCTL_REGISTRIES", place).with("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let found = tool.run("tags --json --limit 0").await?.well()?.json()?;
    ensure!(found["registries"][0]["older"] == stamps.len(), "{found}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_away_does_not_hide_the_others() -> Result<()> {
    let Some(registry) = Registry::start().await? else { return Ok(()) };
    filled(&registry).await?;
    let [closed] = testkit::free_ports()?;
    let mut tool = tool(&registry);
    tool.environment[0].1 = format!("127.0.0.1:{closed},{}", registry.place());
    let said = tool.run("tags").await?;
    ensure!(said.status == 1 && said.out.contains("no usable answer") && said.out.contains(NEW), "{said:?}");
    Ok(())
}
