//! What the stack meets from outside, and a disk that is full: clear words, and recovery without hands.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use end_to_end::deployment::until;
use end_to_end::editor::connect;
use end_to_end::{Deployment, Visitor, planet, planet_file, regridded};
use testkit::tell;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Open connections that say nothing.
const IDLE: usize = 200;

/// The volume as a disk of 96 MB.
const SMALL_VOLUME: &str = "volumes: {instance_storage: {driver: local, driver_opts: {type: tmpfs, device: tmpfs, o: 'size=96m,uid=10001,gid=10001,mode=0755'}}}\n";

#[tokio::test(flavor = "multi_thread")]
async fn too_much_and_too_slow_and_too_many() -> Result<()> {
    let Some(mut stack) = Deployment::alone("hostile", "latest").await? else { return Ok(()) };
    stack.set("UPLOAD_LIMIT_MB", "4");
    stack.set("NGINX_CLIENT_TIMEOUT", "2s");
    stack
        .run(async |stack| {
            stack.up()?;
            stack.until_ready().await?;
            let site = stack.address();
            let visitor = Visitor::register(&site, "cuvier").await?;
            let raw = planet("raw.nc")?;
            let workflow = visitor.upload(&raw).await?;

            // Over the limit: told at once, with the limit.
            let refused = visitor.upload(&vec![0; 6_000_000]).await;
            let told = refused.err().context("6 MB were taken where 4 are allowed")?.to_string();
            ensure!(told.contains("413") && told.contains("4 MB"), "{told}");

            // A client that stalls in the middle of its request is let go; nobody else notices.
            let address = site.trim_start_matches("http://").to_owned();
            let begun = Instant::now();
            let mut stalled = tokio::task::JoinSet::new();
            for _ in 0..50 {
                let address = address.clone();
                stalled.spawn(async move {
                    let mut client = TcpStream::connect(&address).await?;
                    let head = "POST /auth/login HTTP/1.1\r\nHost: climsim\r\nContent-Length: 100000\r\n\r\nusername=";
                    client.write_all(head.as_bytes()).await?;
                    let mut answer = Vec::new();
                    client.read_to_end(&mut answer).await?;
                    anyhow::Ok(())
                });
            }
            quick(&visitor, "while 50 clients stall").await?;
            let gone = async { while stalled.join_next().await.is_some() {} };
            tokio::time::timeout(Duration::from_secs(60), gone).await.context("stalled clients are kept")?;
            tell(&format!("50 stalled clients were let go within {:.1} s", begun.elapsed().as_secs_f64()));

            // Many that listen and say nothing.
            let memory = |service: &str| -> Result<String> {
                let container = stack.container(service)?;
                let told = stack.docker(&["stats", "--no-stream", "--format", "{{.MemUsage}}", &container])?;
                Ok(told.split('/').next().unwrap_or_default().trim().to_owned())
            };
            let before = memory("flask_app")?;
            let mut idle = Vec::new();
            for _ in 0..IDLE {
                let stream = visitor.once(&format!("/{workflow}/events")).await?;
                ensure!(stream.status().is_success(), "listener {}: {}", idle.len(), stream.status());
                idle.push(stream);
            }
            quick(&visitor, "while 200 listen").await?;
            tell(&format!("{IDLE} idle listeners: flask_app {before} before, {} with them", memory("flask_app")?));
            let mut sockets = Vec::new();
            if stack.services().contains(&"panel_app") {
                let before = memory("panel_app")?;
                // One account may have half of them open, and no more.
                let other = Visitor::register(&site, "lamarck").await?;
                let theirs = other.upload(&raw).await?;
                for (visitor, workflow) in [(&visitor, workflow), (&other, theirs)] {
                    for _ in 0..IDLE / 2 {
                        sockets.push(connect(visitor, workflow).await?);
                    }
                    ensure!(connect(visitor, workflow).await.is_err(), "one more than an account may have");
                }
                tell(&format!("{IDLE} idle editors: panel_app {before} before, {} with them", memory("panel_app")?));
                quick(&visitor, "while 200 editors are open").await?;
            }
            visitor.ask_for_routing(workflow).await?;
            visitor.routed_once(workflow).await?;
            drop((idle, sockets));
            quick(&visitor, "after they have gone").await
        })
        .await
}

/// A compressed file that unpacks to more than a container's `/tmp`, and a download of it that is taken slowly.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_larger_than_tmp_comes_and_goes() -> Result<()> {
    let Some(mut stack) = Deployment::alone("large", "latest").await? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let (fine, compressed) = (folder.path().join("fine.nc"), folder.path().join("compressed.nc"));
    tokio::task::block_in_place(|| -> Result<()> {
        let fine = regridded(&planet_file(folder.path(), "raw.nc")?, 0.08, "fine.nc")?;
        let copied =
            Command::new("nccopy").args(["-k", "nc4", "-d", "1"]).args([&fine, &compressed]).status();
        ensure!(copied.context("starting nccopy")?.success(), "nccopy fails");
        Ok(())
    })?;
    stack
        .run(async |stack| {
            stack.up()?;
            stack.until_ready().await?;
            let visitor = Visitor::register(&stack.address(), "lonsdale").await?;
            let packed = visitor.upload(&std::fs::read(&compressed)?).await?;
            let map = visitor.get(&format!("/api/v1/data-files/{packed}/raw/field")).await?;
            ensure!(map.status().is_success(), "the map of a compressed file: {}", map.status());
            let workflow = visitor.upload(&std::fs::read(&fine)?).await?;
            let mut download = visitor.get(&format!("/api/v1/data-files/{workflow}/latest/raw")).await?;
            let begun = Instant::now();
            let mut taken = 0;
            while let Some(piece) = download.chunk().await.context("the download is cut off")? {
                taken += piece.len();
                // 30 MB in a second.
                let due = Duration::from_secs_f64(taken as f64 / 30e6);
                tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
            }
            ensure!(taken > 80_000_000, "{taken} bytes came");
            tell(&format!("{taken} bytes were taken in {:.1} s", begun.elapsed().as_secs_f64()));
            Ok(())
        })
        .await
}

/// A page comes, and in reasonable time.
async fn quick(visitor: &Visitor, when: &str) -> Result<()> {
    let begun = Instant::now();
    visitor.once("/").await.with_context(|| when.to_owned())?.error_for_status()?;
    ensure!(begun.elapsed() < Duration::from_secs(5), "{when} a page takes {:?}", begun.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_volume_is_said_clearly_and_survived() -> Result<()> {
    let Some(mut stack) = Deployment::new("fulldisk", "latest").await? else { return Ok(()) };
    stack
        .run(async |stack| {
            stack.add_file(SMALL_VOLUME)?;
            stack.up()?;
            stack.until_ready().await?;
            let visitor = Visitor::register(&stack.address(), "agassiz").await?;
            let raw = planet("raw.nc")?;
            let workflow = visitor.upload(&raw).await?;
            visitor.ask_for_routing(workflow).await?;
            visitor.routed_once(workflow).await?;
            let second = visitor.upload(&raw).await?;

            // Something fills the disk to the last byte.
            stack.run_in("flask_app", "cat /dev/zero >/usr/src/app/instance/.fill 2>/dev/null; true")?;
            let page = visitor.once("/").await?;
            ensure!(page.status().is_success(), "a page that only reads: {}", page.status());
            let answer = visitor.try_upload(&raw).await?;
            let (status, text) = (answer.status(), answer.text().await?);
            ensure!(status == 507, "an upload onto a full disk: {status}: {text}");
            ensure!(text.contains("full"), "an upload onto a full disk: {text}");
            let stands = stack.ask("flask_app", "/livez");
            ensure!(stands.is_some(), "the service fell with the disk");

            // Space again: everything goes on by itself.
            stack.run_in("flask_app", "rm /usr/src/app/instance/.fill")?;
            stack.until_ready().await?;
            visitor.ask_for_routing(second).await?;
            until("the step has begun", async || Ok(visitor.steps(second).await?["routing"].0 != "queued"))
                .await?;
            stack.run_in("flask_app", "cat /dev/zero >/usr/src/app/instance/.fill 2>/dev/null; true")?;
            let mut seen = std::collections::BTreeSet::new();
            let begun = Instant::now();
            until("the step is seen with a full disk", async || {
                let steps = visitor.steps(second).await?;
                let (state, reason) = &steps["routing"];
                seen.insert(format!("{state}: {reason}"));
                Ok(state == "failed" || state == "done" || begun.elapsed() > Duration::from_secs(8))
            })
            .await?;
            tell(&format!("a step on a full disk was seen as {seen:?}"));
            stack.run_in("flask_app", "rm /usr/src/app/instance/.fill")?;
            let begun = Instant::now();
            if visitor.steps(second).await?["routing"].0 == "failed" {
                visitor.ask_for_routing(second).await?;
            }
            visitor.routed_once(second).await?;
            tell(&format!("with space again it is done after {:.1} s", begun.elapsed().as_secs_f64()));
            for service in stack.engine().services() {
                let restarts = stack.inspect(service, "{{.RestartCount}}")?;
                ensure!(
                    restarts == "0" || *service == "flask_app",
                    "{service} was restarted {restarts} times"
                );
            }
            Ok(())
        })
        .await
}
