//! The stack as operators run it: RabbitMQ, PostgreSQL, nginx, every service a process of its own; used by a modeller
//! in a browser, and by a stranger in Python that knows the public contract of the bus and nothing else.

mod database;
mod stranger;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use end_to_end::{Browser, Modeller, Stack, planet_file};
use serde_json::{Value, json};
use stranger::Stranger;
use testkit::RabbitMq;

/// What one routing makes, heat flow and ahmcoef included.
const MADE_BY_ROUTING: [&str; 6] = ["routing", "bathy", "soils", "topo_high_res", "heatflow", "ahmcoef"];
const DEAD_LETTERS: &str = "preprocessing_dead_letters";
const GARBAGE: &str = "gar\u{2}bage";

/// Runs `test` on a stack of its own; a failure keeps its folder and tells the end of its logs.
async fn on_a_stack(
    server: &RabbitMq,
    test: impl AsyncFnOnce(&mut Stack, &Browser) -> Result<()>,
) -> Result<()> {
    let Some(mut stack) = Stack::start(&server.url()).await? else { return Ok(()) };
    let browser = Browser::start(1400, 1000).await?;
    match test(&mut stack, &browser).await {
        Ok(()) => browser.close().await,
        Err(error) => Err(stack.failed(error)),
    }
}

/// How many revisions there are of each type; fails when their numbers are not 0, 1, 2, ...
async fn revisions(client: &reqwest::Client, site: &str, workflow: i32) -> Result<BTreeMap<String, usize>> {
    let address = format!("{site}/api/v1/data-files/{workflow}/revisions");
    let text = client.get(address).send().await?.error_for_status()?.text().await?;
    let list: Vec<Value> = serde_json::from_str(&text)?;
    let mut numbers: Vec<i64> = list.iter().filter_map(|revision| revision["number"].as_i64()).collect();
    numbers.sort_unstable();
    ensure!(numbers.iter().copied().eq(0..list.len() as i64), "the numbers are {numbers:?}");
    let mut count = BTreeMap::new();
    for revision in &list {
        *count.entry(revision["file_type"].as_str().context("a type")?.to_owned()).or_default() += 1;
    }
    Ok(count)
}

/// Once none of the numerics is queued or running any more, each product of routing is there `times` times.
async fn nothing_is_doubled(client: &reqwest::Client, site: &str, workflow: i32, times: usize) -> Result<()> {
    let address = format!("{site}/api/v1/data-files/{workflow}/steps");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let text = client.get(&address).send().await?.error_for_status()?.text().await?;
        let steps: Vec<Value> = serde_json::from_str(&text)?;
        let rests = |step: &Value| step["state"] != "queued" && step["state"] != "running";
        // The weights are somebody else's: what a stranger does with them, the store does not know.
        if steps.iter().filter(|step| step["step"] != "calculate_weights").all(rests) {
            break;
        }
        ensure!(Instant::now() < deadline, "no rest: {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let count = revisions(client, site, workflow).await?;
    for name in MADE_BY_ROUTING {
        ensure!(count.get(name) == Some(&times), "{name}: {count:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_through_nginx_live() -> Result<()> {
    let Some(server) = testkit::rabbitmq() else { return Ok(()) };
    let strangers = stranger::is_here();
    on_a_stack(server, async |stack, browser| {
        let site = stack.address().to_owned();
        let modeller = Modeller { browser, site: &site };
        let mut bus = match strangers {
            true => Some(Stranger::start(stack.broker_url(), &["listen", "preprocessing.*"]).await?),
            false => None,
        };
        modeller.register_and_log_in("humboldt").await?;
        let raw = planet_file(stack.folder(), "raw.nc")?;
        let id = modeller.upload(&raw, &[]).await?;
        modeller.ask(id, "regrid").await?;
        modeller.sees("regrid", "done").await?;

        // One page, loaded once: the click, and then three steps become done by themselves.
        browser.open(&format!("{site}/{id}/routing")).await?;
        let click = Instant::now();
        browser.click("main form button.primary").await?;
        browser.until("location.pathname.endsWith('/steps')").await?;
        browser.client().execute("window.loadedOnce = true;", Vec::new()).await?;
        let mut times = Vec::new();
        for step in ["routing", "heatflow", "ahmcoef"] {
            modeller.sees(step, "done").await?;
            times.push(format!("{step} {:.2} s", click.elapsed().as_secs_f64()));
        }
        eprintln!("from the click to done on the page, through the stack: {}", times.join(", "));
        browser.until("window.loadedOnce").await.context("the page was loaded again")?;
        let client = modeller.client().await?;
        nothing_is_doubled(&client, &site, id, 1).await?;

        // An event passes nginx while the stream goes on: nothing is held back, neither for a page nor for a script.
        for path in [format!("/{id}/events"), format!("/api/v1/data-files/{id}/events")] {
            let mut stream = client.get(format!("{site}{path}")).send().await?.error_for_status()?;
            let mut heard = String::new();
            let listening = async {
                while !heard.contains("\n\n") {
                    let piece = stream.chunk().await?.context("the stream has ended")?;
                    heard.push_str(&String::from_utf8_lossy(&piece));
                }
                anyhow::Ok(())
            };
            let in_time = tokio::time::timeout(Duration::from_secs(15), listening).await;
            in_time.with_context(|| format!("{path}: no event through nginx"))??;
            ensure!(heard.starts_with("event: steps\ndata: "), "{path}: the event reads {heard}");
        }

        // What the machines of the stack ask each other is not for the public.
        for path in ["livez", "readyz", "metrics", "version"] {
            let inside = client.get(format!("{}/{path}", stack.web_address())).send().await?;
            ensure!(inside.status().is_success(), "{path}: {}", inside.status());
            let outside = client.get(format!("{site}/{path}")).send().await?;
            ensure!(outside.status() == 404, "{path} through nginx: {}", outside.status());
        }

        // Download: the file alone and everything, whole.
        for name in MADE_BY_ROUTING {
            let address = format!("{site}/{id}/{name}/download");
            let bytes = client.get(address).send().await?.error_for_status()?.bytes().await?;
            let file = dataset::from_bytes(&bytes, name)?;
            let user = file.attributes.text("climate_sim_created_by");
            ensure!(user == Some("humboldt"), "{name}: provenance says {user:?}");
        }
        let all = client.get(format!("{site}/{id}/download")).send().await?.error_for_status()?;
        let told = all.content_length();
        let all = all.bytes().await?;
        ensure!(all.starts_with(b"PK"), "download all is no zip file");
        ensure!(told.is_none_or(|told| told == all.len() as u64), "{told:?} is {} bytes", all.len());

        // The contract of the bus: the requests of the web have the bodies that the original's had, and name their release
        // where it is not the original's.
        if let Some(bus) = &mut bus {
            let regrid = bus.receive_key("preprocessing.regrid").await?.json()?;
            let fields: Vec<&String> = regrid.as_object().context("an object")?.keys().collect();
            ensure!(
                fields == ["id", "limits", "Longitude Step", "Latitude Step", "interpolator", "release"],
                "regrid: {regrid}"
            );
            let routing = bus.receive_key("preprocessing.routing").await?.json()?;
            ensure!(
                routing
                    == json!({"id": id, "topo_var": "topo", "orcafile": "default", "release": "corrected"}),
                "routing: {routing}"
            );
        }
        stack.all_live()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn d6_a_broker_that_is_away_while_the_modeller_clicks() -> Result<()> {
    let Some(server) = RabbitMq::start() else { return Ok(()) };
    if !server.is_private() {
        testkit::skipped("stopping the broker", "it is not ours to stop");
        return Ok(());
    }
    on_a_stack(&server, async |stack, browser| {
        let site = stack.address().to_owned();
        let modeller = Modeller { browser, site: &site };
        modeller.register_and_log_in("fitzroy").await?;
        let raw = planet_file(stack.folder(), "raw.nc")?;
        let id = modeller.upload(&raw, &[]).await?;
        tokio::task::block_in_place(|| server.stop());
        let deadline = Instant::now() + Duration::from_secs(60);
        while stack.ready().await? {
            ensure!(Instant::now() < deadline, "/readyz does not notice that the broker is away");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        modeller.ask(id, "routing").await?;
        modeller.sees("routing", "queued").await?;
        browser.client().execute("window.loadedOnce = true;", Vec::new()).await?;
        let client = modeller.client().await?;
        let count = revisions(&client, &site, id).await?;
        ensure!(count == BTreeMap::from([("raw".to_owned(), 1)]), "made without a broker: {count:?}");
        stack.all_live()?;

        let back = Instant::now();
        tokio::task::block_in_place(|| server.restart());
        let up = back.elapsed();
        for step in ["routing", "heatflow", "ahmcoef"] {
            modeller.sees(step, "done").await?;
        }
        eprintln!(
            "the broker was up again after {:.1} s, and all three steps done {:.1} s later",
            up.as_secs_f64(),
            (back.elapsed() - up).as_secs_f64()
        );
        browser.until("window.loadedOnce").await.context("the page was loaded again")?;
        nothing_is_doubled(&client, &site, id, 1).await?;
        stack.all_live()
    })
    .await
}

/// A stranger that speaks the public contract only, as the web of the original and as a mosaic worker of one's own; and
/// D15, D19: what nobody understands ends in the dead letters, and nobody dies of it.
#[tokio::test(flavor = "multi_thread")]
async fn d15_d19_a_stranger_joins_the_bus_and_garbage_does_no_harm() -> Result<()> {
    let Some(server) = testkit::rabbitmq() else { return Ok(()) };
    if !stranger::is_here() {
        return Ok(());
    }
    on_a_stack(server, async |stack, browser| {
        let site = stack.address().to_owned();
        let url = stack.broker_url();
        let mut web = Stranger::start(url, &["web"]).await?;
        let mut mosaic = Stranger::start(url, &["mosaic"]).await?;
        let mut done = Stranger::start(url, &["listen", "preprocessing.*.done"]).await?;
        let mut dead = Stranger::start(url, &["take", DEAD_LETTERS]).await?;
        let modeller = Modeller { browser, site: &site };
        modeller.register_and_log_in("wallace").await?;
        let raw = planet_file(stack.folder(), "raw.nc")?;
        let id = modeller.upload(&raw, &[]).await?;
        let client = modeller.client().await?;

        // Requests as the web of the original published them: the page shows what becomes of them, live.
        let regrid = json!({"id": id, "limits": "default", "Longitude Step": "5", "Latitude Step": "5", "interpolator": "linear"});
        web.publish("preprocessing.regrid", &regrid.to_string()).await?;
        modeller.sees("regrid", "done").await?;
        let said = done.receive_key("preprocessing.regrid.done").await?.json()?;
        ensure!(said == regrid, "the done of regrid has another body: {said}");
        let routing = json!({"id": id, "topo_var": "topo", "orcafile": "default"});
        web.publish("preprocessing.routing", &routing.to_string()).await?;
        for step in ["routing", "heatflow", "ahmcoef"] {
            modeller.sees(step, "done").await?;
        }
        nothing_is_doubled(&client, &site, id, 1).await?;

        // The mosaic worker: the re-run that follows routing, and a request.
        let rerun = mosaic.receive().await?;
        ensure!(rerun.key == "preprocessing.calculate_weights.mosaic", "{rerun:?}");
        ensure!(rerun.json()? == json!({"id": id, "invalidated": "yes"}), "{rerun:?}");
        web.publish("preprocessing.calculate_weights", &json!({ "id": id }).to_string()).await?;
        let task = mosaic.receive().await?;
        ensure!(task.key == "preprocessing.calculate_weights.mosaic", "{task:?}");
        ensure!(task.json()? == json!({ "id": id }), "{task:?}");
        for expected in [rerun, task] {
            let said = done.receive_key("preprocessing.calculate_weights.done").await?;
            ensure!(said.json()? == expected.json()?, "{said:?}");
        }

        // The same, asked for by our own page.
        modeller.ask(id, "sub_basins").await?;
        modeller.sees("subbasins", "done").await?;
        // Through nginx, which takes the beginning of its addresses away, the editor answers too.
        let editor = client.get(format!("{site}/panel/sub_basins?id={id}")).send().await?;
        ensure!(editor.status().is_success(), "the editor answers {}", editor.status());
        let page = editor.text().await?;
        ensure!(page.contains("/panel/sub_basins/ws?id="), "no way to the socket:\n{page}");
        let style = page.split('"').find(|part| part.ends_with("/climsim.css")).context("a style sheet")?;
        let style = client.get(format!("{site}{style}")).send().await?;
        ensure!(style.status().is_success(), "a file of the editor: {}", style.status());
        let rerun = mosaic.receive().await?;
        ensure!(rerun.json()? == json!({"id": id, "invalidated": "yes"}), "after the sub-basins: {rerun:?}");
        modeller.ask(id, "calculate_weights").await?;
        let task = mosaic.receive().await?;
        ensure!(task.json()? == json!({ "id": id }), "the page's request for weights: {task:?}");

        // Garbage, for the dispatcher and past it for the worker. These are the first dead letters: all of the above,
        // the stranger's `done` too, was understood.
        let garbage = [
            ("preprocessing.regrid", GARBAGE, "no JSON"),
            ("preprocessing.regrid.done", "{}", "no whole number 'id'"),
            ("preprocessing.exit()", "{\"id\": 1}", "exit()"),
            ("preprocessing.routing.python", GARBAGE, "no JSON"),
            ("preprocessing.exit().python", "{\"id\": 1}", "exit()"),
        ];
        for (key, body, word) in garbage {
            web.publish(key, body).await?;
            let letter = dead.receive().await.with_context(|| format!("the dead letter of {key}"))?;
            let reason = letter.headers["x-climsim-reason"].as_str().unwrap_or_default();
            ensure!(letter.headers["x-climsim-key"] == *key, "{key}: {letter:?}");
            ensure!(letter.body == body && reason.contains(word), "{key}: {letter:?}");
            eprintln!("{key}: {reason}");
        }
        stack.all_live()?;
        web.publish("preprocessing.routing", &routing.to_string()).await?;
        done.receive_key("preprocessing.routing.done").await?;
        done.receive_key("preprocessing.ahmcoef.done").await?;
        nothing_is_doubled(&client, &site, id, 2).await?;
        stack.all_live()
    })
    .await
}
