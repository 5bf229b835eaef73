//! The four editors, each with what is its own.

use anyhow::{Result, ensure};

use crate::page::Bench;

#[tokio::test]
async fn values_of_any_variable_of_any_file_are_explored_and_changed() -> Result<()> {
    let bench = Bench::routed(1400, 1000).await?;
    let page = bench.open("value_changer", "&file_type=soils").await?;
    let variable = page.script("return climsimEditor.about.variable").await?;
    let name = variable.as_str().unwrap_or_default();
    let before = bench.stored("soils", name).await?;
    page.draw_box((0.0, 0.0), (10.0, 10.0)).await?;
    page.browser.until("Number(document.querySelector('[data-socket]').dataset.selected) >= 100").await?;
    page.apply("absolute", "5").await?;
    page.save("Five everywhere").await?;
    let after = bench.stored("soils", name).await?;
    let differing = before.iter().zip(&after).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
    ensure!((1..=400).contains(&differing), "{differing} cells differ");
    bench.done().await
}

#[tokio::test]
async fn passages_are_listed_mended_with_a_preview_and_saved() -> Result<()> {
    let bench = Bench::routed(1400, 1000).await?;
    let page = bench.open("passage_problems", "").await?;
    let count = "return climsimEditor.counts.passages";
    let before = page.script(count).await?.as_u64().unwrap_or_default();
    ensure!(before > 0, "the synthetic planet has narrow passages");
    page.panel("check").await?;
    page.browser.click("[data-jump=passages]").await?;
    page.browser.until("climsimEditor.focused && climsimEditor.large.view.magnification > 1.5").await?;
    page.panel("fix").await?;
    page.browser.click("[data-fix=widen]").await?;
    page.browser.until("document.querySelector('.effect').innerText.includes('Would change')").await?;
    ensure!(page.script(count).await?.as_u64() == Some(before), "a preview changes nothing");
    let at = page.sequence().await?;
    page.browser.click("[data-do=apply-fix]:not(:disabled)").await?;
    page.newer(at).await?;
    let after = page.script(count).await?.as_u64().unwrap_or(u64::MAX);
    ensure!(after < before, "{before} passages, then {after}");
    page.save("Wider passages").await?;
    bench.modeller().sees("passage_problems", "done").await?;
    bench.done().await
}

#[tokio::test]
async fn sub_basins_are_drawn_over_the_automatic_division() -> Result<()> {
    let bench = Bench::routed(1400, 1000).await?;
    let page = bench.open("sub_basins", "").await?;
    page.draw_box((-60.0, -40.0), (-20.0, 20.0)).await?;
    page.browser.until("Number(document.querySelector('[data-socket]').dataset.selected) > 0").await?;
    let at = page.sequence().await?;
    page.browser.click("[data-basin='3']:not(:disabled)").await?;
    page.newer(at).await?;
    page.actions(1).await?;
    page.save("An Indian Ocean of another shape").await?;
    bench.modeller().sees("subbasins", "done").await?;
    let masks = [
        bench.stored("sub_basins", "atlmsk").await?,
        bench.stored("sub_basins", "pacmsk").await?,
        bench.stored("sub_basins", "indmsk").await?,
    ];
    let sums: Vec<f64> = (0..masks[0].len()).map(|k| masks.iter().map(|mask| mask[k]).sum()).collect();
    ensure!(sums.iter().all(|&sum| sum == 0.0 || sum == 1.0), "a cell is of one basin at most");
    ensure!(sums.contains(&1.0) && sums.contains(&0.0));

    // What was saved is what it starts from.
    let page = bench.open("sub_basins", "").await?;
    page.actions(0).await?;
    let inside = page.place(-40.0, -10.0).await.is_ok();
    ensure!(inside);
    bench.done().await
}

#[tokio::test]
async fn rivers_and_the_ocean_grid_follow_every_edit_when_asked() -> Result<()> {
    let bench = Bench::start(1400, 1000).await?;
    let page = bench.open("internal_oceans", "").await?;
    for (of, title) in [("routing", "River basins"), ("bathymetry", "Ocean bathymetry")] {
        page.script(&format!("document.querySelector('[data-consequence={of}]').click()")).await?;
        page.browser.until(&format!("document.querySelector('[data-socket]').dataset.{of}")).await?;
        let shown =
            page.script(&format!("return document.querySelector('[data-map={of}] h2').innerText")).await?;
        ensure!(shown.as_str().is_some_and(|text| text.contains(title)), "{shown}");
    }
    page.draw_box((10.0, -20.0), (40.0, 0.0)).await?;
    page.selected(600).await?;
    let sequence = page.apply("absolute", "800").await?;
    for of in ["routing", "bathymetry"] {
        page.browser
            .until(&format!("document.querySelector('[data-socket]').dataset.{of} == '{sequence}'"))
            .await?;
    }
    page.is_calm().await?;
    bench.done().await
}
