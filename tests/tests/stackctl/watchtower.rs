//! A round of Watchtower, asked for.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::peers::{Peers, WATCHTOWER_TOKEN};
use crate::tool::Tool;

fn tool(peers: &Peers) -> Tool {
    Tool::default().with("WATCHTOWER_URL", &peers.address).secret("WATCHTOWER_TOKEN", WATCHTOWER_TOKEN)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_is_asked_for_and_its_outcome_told() -> Result<()> {
    let peers = Peers::start().await?;
    let summary = |failed: u8| {
        json!({ "summary": { "scanned": 6, "updated": 2, "failed": failed, "restarted": 0, "skipped": 1 },
                "timing": { "duration_ms": 1250 }, "api_version": "v1" })
        .to_string()
    };
    peers.world().watchtower = (200, summary(0));
    let said = tool(&peers).run("update").await?.well()?;
    ensure!(said.out.contains("2 updated, 0 failed, 1 put off"), "{said:?}");
    ensure!(peers.changes()[0].1 == "v1/update?", "not the whole scope");
    peers.world().watchtower = (200, summary(1));
    ensure!(tool(&peers).run("update").await?.status == 1, "a failed update is not told");

    // As releases of old answer.
    peers.world().watchtower = (200, String::new());
    tool(&peers).run("update").await?.well()?;
    peers.world().watchtower = (202, String::new());
    let said = tool(&peers).run("update --async").await?.well()?;
    ensure!(said.out.contains("has begun"), "{said:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_watchtower_refuses_is_said_with_what_to_do() -> Result<()> {
    let peers = Peers::start().await?;
    peers.world().watchtower = (429, json!({ "error": "another update is already running" }).to_string());
    tool(&peers).run("update").await?.refused(1, &["in the middle of a round"])?;
    peers.world().watchtower = (404, String::new());
    tool(&peers).run("update").await?.refused(1, &["WATCHTOWER_HTTP_API_ENDPOINTS=update"])?;
    let wrong = Tool::default().with("WATCHTOWER_URL", &peers.address).secret("WATCHTOWER_TOKEN", "schist");
    wrong.run("update").await?.refused(1, &["401", "credentials"])?;
    let none = Tool::default().with("WATCHTOWER_URL", &peers.address);
    none.run("update").await?.refused(2, &["WATCHTOWER_TOKEN_FILE"])?;

    let folder = tempfile::tempdir()?;
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{WATCHTOWER_TOKEN}\n"))?;
    peers.world().watchtower = (200, String::new());
    none.with("WATCHTOWER_TOKEN_FILE", file.display()).run("update").await?.well()?;
    Ok(())
}
