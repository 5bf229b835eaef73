//! Backup and restore of the folder of a running platform.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use end_to_end::{Platform, planet};
use serde_json::Map;
use store::{Config, Doctor, Release, Store};

use crate::tool::Tool;

fn open(instance: &Path) -> Result<Store> {
    Ok(Store::open(&Config { instance: instance.to_owned(), database_url: None, pool_size: 4 })?)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_in_use_is_backed_up_checked_and_restored() -> Result<()> {
    let platform = Platform::start()?;
    let instance = platform.folder().join("instance");
    let raw = Arc::new(planet("raw.nc")?);
    // Another process that writes and deletes, as a service does.
    let (stop, kept) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writer = {
        let (store, stop, kept, raw) = (open(&instance)?, stop.clone(), kept.clone(), raw.clone());
        tokio::task::spawn_blocking(move || -> Result<()> {
            let owner = store.create_user("modeller", "continents drift")?;
            while !stop.load(Ordering::Relaxed) {
                let mut last = None;
                for _ in 0..2 {
                    let staged = store.stage(".nc")?;
                    std::fs::write(staged.path(), raw.as_slice())?;
                    last = Some(store.create_data_file(
                        owner,
                        "planet.nc",
                        Map::new(),
                        Release::default(),
                        staged,
                    )?);
                    std::thread::sleep(std::time::Duration::from_millis(30));
                }
                store.delete_data_file(last.context("made")?)?;
                kept.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        })
    };
    let backups = platform.folder().join("backups");
    let tool = Tool::default().with("INSTANCE_PATH", instance.display());
    let line = format!("backup {}", backups.display());
    // Several, and so long that something was written between them.
    let mut made = 0;
    while made < 3 || (kept.load(Ordering::Relaxed) == 0 && !writer.is_finished()) {
        let said = tool.run(&line).await?.well()?;
        ensure!(said.out.contains(".json: "), "{said:?}");
        made += 1;
    }
    stop.store(true, Ordering::Relaxed);
    writer.await??;
    let kept = kept.load(Ordering::Relaxed);
    let last = tool.run(&format!("{line} --json --keep 2")).await?.well()?.json()?;
    ensure!(last["removed"] == made - 1, "{last}");

    let check = format!("restore {} --check", backups.display());
    let said = tool.run(&check).await?.well()?;
    ensure!(said.out.contains("this release can open the database"), "{said:?}");
    // While it is in use nothing is put over it.
    let refused = tool.run(&format!("restore {}", backups.display())).await?;
    refused.refused(1, &["is in use", "stop the services"])?;

    let fresh = platform.folder().join("fresh");
    let restore = format!("restore {} --instance {}", backups.display(), fresh.display());
    tool.run(&restore).await?.well()?;
    let store = open(&fresh)?;
    let user = store.user_by_name("modeller")?.context("the account is gone")?;
    ensure!(store.data_files(user.id)?.len() == kept, "not every workflow came back");
    let report = store.doctor(Doctor::Look)?;
    ensure!(report.missing_files.is_empty() && report.changed_files.is_empty(), "{report:?}");
    drop(store);

    // One byte of one content rots.
    let manifest = last["backup"]["manifest"].as_str().context("a manifest")?;
    let listed: serde_json::Value = serde_json::from_slice(&std::fs::read(manifest)?)?;
    let sha256 = listed["files"][0]["sha256"].as_str().context("a hash")?;
    let content = backups.join("files").join(&sha256[..2]).join(sha256);
    let mut bytes = std::fs::read(&content)?;
    bytes[0] ^= 1;
    std::fs::write(&content, bytes)?;
    let said = tool.run(&check).await?;
    ensure!(said.status == 1 && said.out.contains("damaged") && said.out.contains("not whole"), "{said:?}");
    platform.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_backed_up_or_restored_is_said() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (path, nowhere) = (folder.path().display(), folder.path().join("nowhere"));
    let tool = Tool::default().with("INSTANCE_PATH", nowhere.display());
    tool.run(&format!("backup {path}")).await?.refused(1, &["no database to back up", "nowhere"])?;
    tool.run(&format!("restore {path} --check")).await?.refused(1, &["holds no backup"])?;
    tool.run(&format!("restore {} --check", nowhere.display())).await?.refused(1, &["cannot read"])?;
    let secret = "feldspar";
    let postgres =
        tool.clone().secret("DATABASE_URL", &format!("postgres://climsim:{secret}@database/climsim"));
    postgres.run(&format!("backup {path}")).await?.refused(1, &["pg_dump"])?;
    tool.run("replace-exchange").await?.refused(2, &["BROKER_HOSTNAME"])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exchange_of_the_original_is_replaced() -> Result<()> {
    let Some(server) = tokio::task::spawn_blocking(testkit::rabbitmq).await? else { return Ok(()) };
    let url = server.url();
    let tool = Tool::default().with("BROKER_URL", &url);
    // There is none yet: it is made as it should be.
    let said = tool.run("replace-exchange --json").await?.well()?.json()?;
    ensure!(said["replaced"] == false, "{said}");
    let away = Tool::default().with("BROKER_HOSTNAME", "127.0.0.1").with("BROKER_PORT", 1);
    ensure!(away.run("replace-exchange").await?.status == 1, "nobody is there");
    Ok(())
}
