//! The four editors, each with what is its own.

use anyhow::{Result, ensure};
use dataset::{Attributes, Dataset};
use ndarray::{Array1, Array3};

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
async fn one_slice_of_several_is_chosen_changed_and_saved() -> Result<()> {
    let bench = Bench::start(1400, 1000).await?;
    let (months, rows, columns) = (3, 18, 36);
    let mut file = Dataset::new();
    let axis = |count: usize, span: f64| -> Array1<f64> {
        (0..count).map(|k| span * ((k as f64 + 0.5) / count as f64 - 0.5)).collect()
    };
    let month = Array1::from_iter((0..months).map(|k| 1.0 + k as f64));
    file.add_f64("month", &["month"], month.into_dyn(), Attributes::new());
    let degrees = |unit: &str| Attributes::new().with("units", unit);
    file.add_f64("lat", &["lat"], axis(rows, 180.0).into_dyn(), degrees("degrees_north"));
    file.add_f64("lon", &["lon"], axis(columns, 360.0).into_dyn(), degrees("degrees_east"));
    let rain = Array3::from_shape_fn((months, rows, columns), |(k, j, i)| (1000 * k + 36 * j + i) as f64);
    file.add_f64("rain", &["month", "lat", "lon"], rain.clone().into_dyn(), Attributes::new());
    let path = bench.platform.folder().join("rain.nc");
    dataset::write(&file, &path)?;
    let workflow = bench.modeller().upload(&path, &[]).await?;
    let bench = Bench { workflow, ..bench };

    let page = bench.open("value_changer", "&file_type=raw&variable=rain").await?;
    ensure!(page.value("values", 5, 4).await? == rain[[0, 4, 5]]);
    page.browser.click("[aria-label='Next month']").await?;
    page.browser
        .until(&format!("climsimEditor.maps.get('values').plane.at(5, 4) == {}", rain[[1, 4, 5]]))
        .await?;
    page.draw_box((0.0, 0.0), (40.0, 40.0)).await?;
    page.selected(16).await?;
    page.apply("absolute", "7").await?;
    ensure!(page.value("values", 19, 10).await? == 7.0, "the change is on the slice that is shown");
    page.browser.click("[aria-label='Previous month']").await?;
    page.browser
        .until(&format!("climsimEditor.maps.get('values').plane.at(19, 10) == {}", rain[[0, 10, 19]]))
        .await?;
    page.save("A dry February").await?;
    let saved = bench.stored("raw", "rain").await?;
    let changed: Vec<usize> =
        (0..saved.len()).filter(|&k| saved[k] != rain.as_slice().map_or(f64::NAN, |all| all[k])).collect();
    ensure!(changed.len() == 16 && changed.iter().all(|&k| k / (rows * columns) == 1), "{changed:?}");
    bench.done().await
}

#[tokio::test]
async fn cells_are_copied_from_another_revision() -> Result<()> {
    let bench = Bench::start(1400, 1000).await?;
    let page = bench.open("internal_oceans", "").await?;
    let original = page.bits("values").await?;
    page.draw_box((10.0, -20.0), (40.0, 0.0)).await?;
    page.selected(600).await?;
    page.apply("relative", "2000").await?;
    page.save("Two kilometres up").await?;

    let page = bench.open("internal_oceans", "").await?;
    ensure!(page.bits("values").await? != original);
    page.draw_box((10.0, -20.0), (40.0, 0.0)).await?;
    page.selected(600).await?;
    page.panel("fix").await?;
    page.browser.click("[data-fix=copy]").await?;
    // The newest is what is being edited; before it, what was uploaded.
    page.browser.find("[name=from] option:nth-child(2)").await?;
    page.script(
        "const from = document.querySelector('[name=from]');
        from.selectedIndex = 1;
        from.dispatchEvent(new Event('input', { bubbles: true }))",
    )
    .await?;
    page.browser.until("document.querySelector('.effect').innerText.includes('Would change')").await?;
    let at = page.sequence().await?;
    page.browser.click("[data-do=apply-fix]:not(:disabled)").await?;
    page.newer(at).await?;
    ensure!(page.bits("values").await? == original, "the cells are not those of the other revision");
    page.is_calm().await?;
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
