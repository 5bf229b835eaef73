//! What operators bring: the instance folder of the original, and a site where not everybody may register.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use end_to_end::{FormClient, Platform, original_instance};

/// The state of a step as the steps table shows it.
async fn state(visitor: &FormClient, workflow: i32, step: &str) -> Result<String> {
    let table = visitor.get(&format!("/api/{workflow}/steps/stepsTable")).await?.text();
    let mark = format!("id=\"step-{step}\" data-state=\"");
    let state = table.split(&mark).nth(1).and_then(|rest| rest.split('"').next());
    Ok(state.unwrap_or("not offered").to_owned())
}

#[tokio::test]
async fn the_instance_of_the_original_is_adopted_as_it_is() -> Result<()> {
    let mut platform = Platform::prepared(&[], original_instance)?;
    let wegener = FormClient::new(platform.address())?;
    ensure!(wegener.log_in("wegener", "gondwana").await?.status == 401, "the password of another");
    ensure!(wegener.log_in("wegener", "pangaea").await?.location == "/");
    let list = wegener.get("/").await?.text();
    ensure!(list.contains("planet.nc") && !list.contains("own.nc"), "{list}");
    ensure!(wegener.get("/2/steps").await?.status == 404, "somebody else's");

    // Files, what is told about them, and the step that was marked stale, with its stored parameters.
    let planet = std::fs::read(platform.folder().join("instance/aaaaaaa2.nc"))?;
    let sent = wegener.get("/1/routing/download").await?;
    ensure!(sent.status == 200);
    let (sent, planet) = (dataset::from_bytes(&sent.bytes, "sent")?, dataset::from_bytes(&planet, "stored")?);
    ensure!(format!("{:?}", sent.variables) == format!("{:?}", planet.variables), "the routing file");
    ensure!(sent.attributes.text("climate_sim_auth-ref") == Some("A. Wegener"));
    for page in ["/1/steps", "/1/raw/view", "/1/routing/fileInfo", "/1/set_coords", "/1/soils/view"] {
        ensure!(wegener.get(page).await?.status == 200, "{page}");
    }
    ensure!(state(&wegener, 1, "routing").await? == "stale");
    ensure!(
        wegener.get("/1/routing").await?.text().contains("<option value=\"topo\" selected"),
        "the saved variable"
    );

    // And it goes on from there.
    let again = wegener.post("/1/steps/routing/retry", &[]).await?;
    ensure!(again.location == "/1/steps", "{}: {}", again.status, again.text());
    let deadline = Instant::now() + Duration::from_secs(120);
    for step in ["routing", "heatflow", "ahmcoef"] {
        while state(&wegener, 1, step).await? != "done" {
            ensure!(Instant::now() < deadline, "{step}: {}", state(&wegener, 1, step).await?);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    // With the numbers that it was published with; a copy too.
    ensure!(wegener.get("/1/steps").await?.text().contains("Original platform of 2023"));
    ensure!(wegener.post("/1/duplicate", &[]).await?.location == "/");
    let list = wegener.get("/").await?.text();
    let ids = list.split("href=\"/").filter_map(|rest| rest.split("/steps").next()?.parse::<i32>().ok());
    let copy = ids.max().context("no workflow")?;
    ensure!(copy != 1, "no copy: {list}");
    let form = [("topo_var", "topo"), ("orcafile", "default")];
    ensure!(wegener.post(&format!("/{copy}/routing"), &form).await?.status == 303);
    while state(&wegener, copy, "routing").await? != "done" {
        ensure!(Instant::now() < deadline, "routing of the copy");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for id in [1, copy] {
        let made = wegener.get(&format!("/{id}/routing/download")).await?;
        let made = dataset::from_bytes(&made.bytes, "routing")?;
        ensure!(made.attributes.text("history").is_none(), "{id}: {:?}", made.attributes.text("history"));
    }

    // The other account, with the hash of another version; and everything again after a power cut.
    platform.kill_and_restart()?;
    let suess = FormClient::new(platform.address())?;
    ensure!(suess.log_in("suess", "gondwana").await?.location == "/");
    ensure!(suess.get("/").await?.text().contains("own.nc"));
    let wegener = FormClient::new(platform.address())?;
    ensure!(wegener.log_in("wegener", "pangaea").await?.location == "/", "the renewed hash");
    ensure!(state(&wegener, 1, "routing").await? == "done");
    // What was there is there still, and the database as it was, too.
    for name in ["aaaaaaa1.nc", "aaaaaaa2.nc", "aaaaaaa3.nc", "bbbbbbb1.nc"] {
        ensure!(platform.folder().join("instance").join(name).exists(), "{name}");
    }
    ensure!(std::fs::read_dir(platform.folder().join("instance/backups"))?.count() == 1);
    platform.done();
    Ok(())
}

#[tokio::test]
async fn with_auth_logged_in_the_first_account_makes_the_others() -> Result<()> {
    let settings = [("AUTH", "logged_in"), ("CSP_USERNAME", "curator"), ("CSP_PASSWORD", "fossils and maps")];
    let mut platform = Platform::prepared(&settings, |_| Ok(()))?;
    let stranger = FormClient::new(platform.address())?;
    ensure!(stranger.get("/auth/register").await?.location.starts_with("/auth/login"));
    ensure!(!stranger.get("/auth/login").await?.text().contains("/auth/register"), "registering is offered");
    let eve = [("username", "eve"), ("password", "continents drift")];
    ensure!(stranger.post("/auth/register", &eve).await?.location.starts_with("/auth/login"));
    ensure!(stranger.log_in("eve", "continents drift").await?.status == 401);

    let curator = FormClient::new(platform.address())?;
    ensure!(curator.log_in("curator", "fossils and maps").await?.location == "/");
    ensure!(curator.post("/auth/register", &eve).await?.location.starts_with("/auth/login"));
    ensure!(FormClient::new(platform.address())?.log_in("eve", "continents drift").await?.location == "/");

    // A new start changes nothing: neither the account nor its sessions.
    platform.kill_and_restart()?;
    let again = FormClient::new(platform.address())?;
    ensure!(again.log_in("curator", "fossils and maps").await?.location == "/");
    platform.done();
    Ok(())
}

#[tokio::test]
async fn without_a_configured_password_one_is_made_up_and_told_once() -> Result<()> {
    let mut platform = Platform::prepared(&[("AUTH", "logged_in")], |_| Ok(()))?;
    let told = |log: &str| log.lines().filter(|line| line.contains("told only once")).count();
    let log = std::fs::read_to_string(platform.log())?;
    let password = log.split("\"password\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let password = password.context("no password in the log")?.to_owned();
    ensure!(password.len() >= 16, "made up: '{password}' in {log}");
    ensure!(FormClient::new(platform.address())?.log_in("admin", &password).await?.location == "/");
    platform.kill_and_restart()?;
    ensure!(told(&std::fs::read_to_string(platform.log())?) == 1, "told again, or another was made");
    ensure!(FormClient::new(platform.address())?.log_in("admin", &password).await?.location == "/");
    platform.done();
    Ok(())
}
