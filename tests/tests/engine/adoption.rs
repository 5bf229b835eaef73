//! The volume of the original stack, taken over as it is.

use anyhow::{Result, ensure};
use end_to_end::{Deployment, Visitor, original_instance, planet};
use testkit::tell;

#[tokio::test(flavor = "multi_thread")]
async fn the_volume_of_the_original_stack_is_adopted() -> Result<()> {
    let Some(mut stack) = Deployment::new("adoption", "latest").await? else { return Ok(()) };
    stack
        .run(async |stack| {
            // As root, whom the original's services ran as.
            let folder = tempfile::tempdir()?;
            let original = folder.path().join("instance");
            original_instance(&original)?;
            stack.fill_volume("instance_storage", &original)?;
            let owner = stack.docker(&[
                "run",
                "--rm",
                "-v",
                &format!("{}:/v", stack.volume("instance_storage")),
                "debian:bookworm-slim",
                "stat",
                "-c",
                "%u",
                "/v",
                "/v/netcdf_editor.sqlite",
                "/v/aaaaaaa1.nc",
            ])?;
            ensure!(owner == "0\n0\n0\n", "not root's: {owner}");

            let begun = std::time::Instant::now();
            stack.up()?;
            stack.until_ready().await?;
            tell(&format!(
                "the original's volume is adopted and served after {:.1} s",
                begun.elapsed().as_secs_f64()
            ));
            let site = stack.address();
            for (name, password) in [("suess", "gondwana"), ("wegener", "pangaea")] {
                Visitor::log_in(&site, name, password).await?;
                // The hash is renewed at the first login, and must hold at the second.
                Visitor::log_in(&site, name, password).await?;
            }
            ensure!(Visitor::log_in(&site, "wegener", "gondwana").await.is_err(), "any password will do");
            let wegener = Visitor::log_in(&site, "wegener", "pangaea").await?;
            let page = wegener.get("/").await?.text().await?;
            ensure!(page.contains("planet.nc"), "the workflow is not listed: {page}");
            let steps = wegener.steps(1).await?;
            ensure!(steps["routing"].0 == "stale", "{steps:?}");
            let raw = wegener.get("/api/v1/data-files/1/revisions/0/file").await?.bytes().await?;
            let (ours, theirs) =
                (dataset::from_bytes(&raw, "raw")?, dataset::from_bytes(&planet("raw.nc")?, "raw")?);
            let heights = |file: &dataset::Dataset| file.variable("topo").map(|topo| topo.values.clone());
            ensure!(
                heights(&ours).is_some() && heights(&ours) == heights(&theirs),
                "the topography has changed"
            );

            wegener.ask_for_routing(1).await?;
            for step in ["routing", "heatflow", "ahmcoef"] {
                wegener.until(1, step, "done").await?;
            }
            let revisions = wegener.revisions(1).await?;
            ensure!(
                revisions["raw"] == 1 && revisions["routing"] == 2 && revisions["bathy"] == 1,
                "{revisions:?}"
            );
            let kept = stack.run_in("flask_app", "ls /usr/src/app/instance/backups")?;
            ensure!(kept.contains("original-"), "no copy of the database from before: {kept}");
            Ok(())
        })
        .await
}
