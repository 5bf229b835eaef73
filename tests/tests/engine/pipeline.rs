//! From nothing to a finished pipeline, and what the images are.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use end_to_end::visitor::{MADE_BY_ROUTING, Visitor};
use end_to_end::{Browser, Deployment, Modeller, engine, planet_file};
use serde_json::Value;
use testkit::tell;

/// What an image may add to its base.
const LIMIT_MB: u64 = 90;

#[tokio::test(flavor = "multi_thread")]
async fn up_from_nothing_to_a_finished_pipeline_in_a_browser() -> Result<()> {
    let Some(mut stack) = Deployment::new("pipeline", "latest").await? else { return Ok(()) };
    stack
        .run(async |stack| {
            let begun = Instant::now();
            stack.up()?;
            let site = stack.address();
            let mut times = vec![format!("up {:.1} s", begun.elapsed().as_secs_f64())];
            end_to_end::deployment::until("the first page", async || {
                let page = format!("{site}/auth/login");
                Ok(reqwest::get(&page).await.is_ok_and(|answer| answer.status().is_success()))
            })
            .await?;
            times.push(format!("first page {:.1} s", begun.elapsed().as_secs_f64()));
            stack.until_ready().await?;
            times.push(format!("all ready {:.1} s", begun.elapsed().as_secs_f64()));
            tell(&format!("start-up from nothing: {}", times.join(", ")));
            memory(stack, "idle")?;

            let browser = Browser::start(1400, 1000).await?;
            let modeller = Modeller { browser: &browser, site: &site };
            modeller.register_and_log_in("humboldt").await?;
            let folder = tempfile::tempdir()?;
            let id = modeller.upload(&planet_file(folder.path(), "raw.nc")?, &[]).await?;
            modeller.ask(id, "regrid").await?;
            modeller.sees("regrid", "done").await?;
            modeller.ask(id, "routing").await?;
            let click = Instant::now();
            memory(stack, "at work")?;
            for step in ["routing", "heatflow", "ahmcoef"] {
                modeller.sees(step, "done").await?;
            }
            tell(&format!("from the click to three steps done: {:.1} s", click.elapsed().as_secs_f64()));
            let client = modeller.client().await?;
            for name in MADE_BY_ROUTING {
                let address = format!("{site}/{id}/{name}/download");
                let bytes = client.get(address).send().await?.error_for_status()?.bytes().await?;
                dataset::from_bytes(&bytes, name)?;
            }
            browser.close().await
        })
        .await
}

/// Tells what each service holds in memory.
fn memory(stack: &Deployment, when: &str) -> Result<()> {
    let mut told = Vec::new();
    for service in stack.services() {
        let container = stack.container(service)?;
        let usage = stack.docker(&["stats", "--no-stream", "--format", "{{.MemUsage}}", &container])?;
        told.push(format!("{service} {}", usage.split('/').next().unwrap_or_default().trim()));
    }
    tell(&format!("memory {when}: {}", told.join(", ")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_small_and_say_what_they_are() -> Result<()> {
    let Some(stack) = Deployment::new("images", "latest").await? else { return Ok(()) };
    let size = |image: &str| -> Result<u64> {
        Ok(stack.docker(&["image", "inspect", "--format", "{{.Size}}", image])?.trim().parse()?)
    };
    let base = size("debian:bookworm-slim")?;
    let mut sizes = Vec::new();
    for service in stack.services().into_iter().filter(|service| *service != "message_broker") {
        let image = engine::image(service, "latest");
        let beyond = (size(&image)?.saturating_sub(base)) / 1_000_000;
        sizes.push(format!("{service} {beyond} MB"));
        ensure!(beyond < LIMIT_MB, "{service}: {beyond} MB beyond its base");
        let text = stack.docker(&["image", "inspect", "--format", "{{json .Config}}", &image])?;
        let config: Value = serde_json::from_str(&text)?;
        ensure!(config["User"] == "10001:10001", "{service} runs as {}", config["User"]);
        ensure!(config["StopSignal"].as_str().is_some_and(|signal| signal.starts_with("SIG")), "{service}");
        ensure!(config["Healthcheck"]["Test"].is_array(), "{service} has no health check");
        let labels = config["Labels"].as_object().context("labels")?;
        for label in [
            "title",
            "description",
            "source",
            "url",
            "documentation",
            "version",
            "revision",
            "created",
            "licenses",
            "vendor",
        ] {
            let value = labels.get(&format!("org.opencontainers.image.{label}")).and_then(Value::as_str);
            ensure!(value.is_some_and(|value| !value.is_empty()), "{service} has no label {label}");
        }
        ensure!(labels["org.opencontainers.image.title"] == format!("netcdf_editor_{service}"), "{labels:?}");
        // A shell for the operator.
        let told = stack.docker(&["run", "--rm", "--entrypoint", "bash", &image, "-c", "id -u && pwd"])?;
        ensure!(told.starts_with("10001\n"), "{service}: {told}");
    }
    tell(&format!("beyond the base ({} MB): {}", base / 1_000_000, sizes.join(", ")));
    Ok(())
}

/// The stack file's own promise: what the engine has made of it.
#[tokio::test(flavor = "multi_thread")]
async fn containers_are_hardened_and_healthy_and_stop_in_time() -> Result<()> {
    let Some(mut stack) = Deployment::new("hardened", "latest").await? else { return Ok(()) };
    stack
        .run(async |stack| {
            stack.up()?;
            stack.until_ready().await?;
            for service in stack.services() {
                let text = stack.inspect(service, "{{json .HostConfig}}")?;
                let host: Value = serde_json::from_str(&text)?;
                ensure!(host["CapDrop"] == serde_json::json!(["ALL"]), "{service}: {}", host["CapDrop"]);
                ensure!(host["SecurityOpt"][0] == "no-new-privileges:true", "{service}");
                ensure!(host["Memory"].as_u64() > Some(0), "{service} has no limit of memory");
                ensure!(
                    host["LogConfig"]["Config"]["max-size"].is_string(),
                    "{service}: {}",
                    host["LogConfig"]
                );
                end_to_end::deployment::until(&format!("{service} is healthy"), async || {
                    Ok(stack.inspect(service, "{{.State.Health.Status}}")? == "healthy")
                })
                .await?;
            }
            for service in stack.engine().services() {
                let refused = stack.run_in(service, "touch /usr/local/bin/x");
                ensure!(refused.is_err(), "{service} can write to its own image");
                stack.run_in(service, "touch /tmp/x")?;
            }
            let begun = Instant::now();
            stack.compose(&["stop"])?;
            tell(&format!("stopping everything takes {:.1} s", begun.elapsed().as_secs_f64()));
            for service in stack.services() {
                let code = stack.inspect(service, "{{.State.ExitCode}}")?;
                ensure!(code == "0", "{service}, told to stop, has ended with {code}");
            }
            Ok(())
        })
        .await
}

/// The proxy's own part: limits, compression, headers, and a page of its own while a service is away.
#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_says_which_part_is_starting() -> Result<()> {
    let Some(mut stack) = Deployment::new("proxy", "latest").await? else { return Ok(()) };
    stack
        .run(async |stack| {
            stack.up()?;
            stack.until_ready().await?;
            let site = stack.address();
            let visitor = Visitor::register(&site, "proxy").await?;

            let page = visitor.once("/").await?;
            for header in
                ["x-content-type-options", "content-security-policy", "referrer-policy", "x-request-id"]
            {
                ensure!(page.headers().contains_key(header), "a page without {header}");
            }
            ensure!(
                !page.headers().contains_key("access-control-allow-origin"),
                "anybody may read the pages"
            );
            ensure!(page.headers().get("server").is_none_or(|server| server == "nginx"), "a version is told");
            let text = page.text().await?;
            let quoted = |part: &&str| part.starts_with("/static/") && part.ends_with(".css");
            let style = text.split('"').find(quoted).context("a style")?;
            let compressed = reqwest::Client::builder().no_proxy().build()?;
            let fetch = || compressed.get(format!("{site}{style}")).header("accept-encoding", "gzip").send();
            let answer = fetch().await?.error_for_status()?;
            ensure!(
                answer.headers().get("content-encoding").is_some_and(|e| e == "gzip"),
                "{style} is not compressed"
            );
            let cached =
                answer.headers().get("cache-control").context("what may be kept")?.to_str()?.to_owned();
            ensure!(cached.contains("immutable"), "{style}: {cached}");

            // An id goes through nginx, the service and its log.
            let page = visitor.once("/").await?;
            let id = page.headers().get("x-request-id").context("an id")?.to_str()?.to_owned();
            let nginx = stack.docker(&["logs", &stack.container("nginx")?])?;
            ensure!(nginx.contains(&id), "the log of nginx does not know request {id}");

            stack.compose(&["stop", "flask_app"])?;
            let answer = visitor.once("/").await?;
            ensure!(answer.status() == 503, "{}", answer.status());
            ensure!(answer.headers().contains_key("retry-after"), "no word of when to come back");
            let text = answer.text().await?;
            ensure!(text.contains("The pages (flask_app) are starting"), "{text}");
            let editor = visitor.once("/panel/value_changer?id=1").await?;
            let (status, text) = (editor.status(), editor.text().await?);
            if stack.services().contains(&"panel_app") {
                ensure!(status.as_u16() < 500, "the editor fell with the pages: {text}");
            } else {
                ensure!(text.contains("The map editor (panel_app) is starting"), "{status}: {text}");
            }
            // What was fetched once is served from nginx.
            fetch().await?.error_for_status()?;
            stack.compose(&["start", "flask_app"])?;
            visitor.get("/").await.map(drop)
        })
        .await
}
