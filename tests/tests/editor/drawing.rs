//! Selecting, changing, undoing, saving.

use anyhow::{Result, ensure};
use dataset::{Attributes, Dataset};
use ndarray::{Array1, Array2};

use crate::page::Bench;

const COLUMNS: usize = 360;

/// The cell of a centre, in a file whose rows run from south to north.
fn cell(lon: f64, lat: f64) -> (usize, usize) {
    ((lon + 179.5) as usize, (lat + 89.5) as usize)
}

#[tokio::test]
async fn a_box_and_a_lasso_are_changed_undone_done_again_and_saved() -> Result<()> {
    let bench = Bench::start(1400, 1000).await?;
    let before = bench.stored("raw", "topo").await?;
    let page = bench.open("internal_oceans", "").await?;
    ensure!(page.actions(0).await.is_ok());
    let untouched = page.bits("values").await?;

    // Corners on edges of cells: 30 x 20 cells have their centres inside.
    page.draw_box((10.0, -20.0), (40.0, 0.0)).await?;
    page.selected(600).await?;
    page.apply("absolute", "-1234.5").await?;
    let (i, j) = cell(25.5, -9.5);
    ensure!(page.value("values", i, j).await? == -1234.5);
    ensure!(
        page.value("oceans", i, j).await?.is_finite(),
        "what is below the sea is sea on the other map too"
    );

    // A triangle, its legs on edges of cells: the centres on its long side are outside or inside by the polygon alone.
    page.tool("lasso").await?;
    page.drag(&[(100.0, 0.0), (130.0, 0.0), (130.0, 30.0), (100.0, 0.0)]).await?;
    let drawn = "![600, 0, NaN].includes(Number(document.querySelector('[data-socket]').dataset.selected))";
    page.browser.until(drawn).await?;
    let selected: usize = page.says("selected").await?.parse()?;
    ensure!((405..=465).contains(&selected), "{selected} cells in half of 30 x 30");
    page.apply("relative", "100").await?;
    let (i, j) = cell(125.5, 5.5);
    let expected = before[index(&before, i, j)] + 100.0;
    ensure!((page.value("values", i, j).await? - expected).abs() < 1e-2);
    page.actions(2).await?;

    // Undone to the last bit, done again.
    let changed = page.bits("values").await?;
    page.step("undo").await?;
    page.step("undo").await?;
    page.actions(0).await?;
    ensure!(page.bits("values").await? == untouched, "undo is not exact");
    page.step("redo").await?;
    page.step("redo").await?;
    ensure!(page.bits("values").await? == changed, "redo is not exact");
    page.is_calm().await?;

    page.save("A deeper shelf, a higher plateau").await?;
    bench.modeller().sees("internal_oceans", "done").await?;
    let after = bench.stored("raw", "topo").await?;
    let (i, j) = cell(25.5, -9.5);
    ensure!(after[index(&after, i, j)] == -1234.5);
    let differing = before.iter().zip(&after).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
    ensure!(differing >= selected && differing <= selected + 600, "{differing} cells differ");

    // The edit list is kept with the step, and can be applied again.
    let page = bench.open("internal_oceans", "").await?;
    page.actions(0).await?;
    page.panel("history").await?;
    page.browser.until("document.querySelector('[data-do=previous]').innerText.includes('2')").await?;
    bench.done().await
}

/// Rows may be stored from north to south; the page numbers them as the file does.
fn index(values: &[f64], i: usize, j: usize) -> usize {
    debug_assert_eq!(values.len() % COLUMNS, 0);
    j * COLUMNS + i
}

#[tokio::test]
async fn selections_add_subtract_and_intersect_and_pass_filters() -> Result<()> {
    let bench = Bench::start(1400, 1000).await?;
    let page = bench.open("internal_oceans", "").await?;
    page.draw_box((-30.0, 0.0), (-10.0, 20.0)).await?;
    page.selected(400).await?;
    page.browser.click("[data-mode=add]").await?;
    page.draw_box((-20.0, 0.0), (0.0, 20.0)).await?;
    page.selected(600).await?;
    page.browser.click("[data-mode=subtract]").await?;
    page.draw_box((-30.0, 10.0), (10.0, 30.0)).await?;
    page.selected(300).await?;
    page.browser.click("[data-mode=intersect]").await?;
    page.draw_box((-25.0, -10.0), (-15.0, 50.0)).await?;
    page.selected(100).await?;

    // Land and sea are two parts of it, and each can be kept out.
    let parts = page.script("return [climsimEditor.selected.land, climsimEditor.selected.ocean]").await?;
    let [land, ocean] = serde_json::from_value::<[usize; 2]>(parts)?;
    ensure!(land > 0 && ocean > 0 && land + ocean == 100, "{land} land and {ocean} sea");
    for (kept_out, rest) in [("land", ocean), ("ocean", land)] {
        let filter = format!("document.querySelector('[data-filter={kept_out}]').click()");
        page.script(&filter).await?;
        page.selected(rest).await?;
        page.script(&filter).await?;
        page.selected(100).await?;
    }

    // Single cells: each click one more, a click on one of them takes it out.
    page.browser.click("[data-mode=replace]").await?;
    page.browser.click("[data-do=deselect]").await?;
    page.selected(0).await?;
    page.tool("cells").await?;
    for (k, at) in [(50.5, 10.5), (52.5, 10.5), (54.5, 10.5)].into_iter().enumerate() {
        page.drag(&[at]).await?;
        page.selected(k + 1).await?;
    }
    page.drag(&[(52.5, 10.5)]).await?;
    page.selected(2).await?;

    // Across the date line.
    page.script("const p = climsimEditor.large; p.view.cx = 180; p.zoom(1)").await?;
    page.draw_box((-190.0, 0.0), (-170.0, 10.0)).await?;
    page.selected(200).await?;

    // By value, typed under the histogram.
    page.browser.type_into("[data-range=from]", "0").await?;
    page.browser.click("[data-do=range]").await?;
    page.browser.until("Number(document.querySelector('[data-socket]').dataset.selected) > 1000").await?;
    page.is_calm().await?;
    bench.done().await
}

#[tokio::test]
async fn any_change_can_be_taken_out_and_snapshots_and_recipes_bring_back() -> Result<()> {
    let bench = Bench::start(1400, 1000).await?;
    let page = bench.open("internal_oceans", "").await?;
    let untouched = page.bits("values").await?;
    page.draw_box((10.0, -20.0), (40.0, 0.0)).await?;
    page.selected(600).await?;
    page.apply("absolute", "500").await?;
    page.draw_box((20.0, -20.0), (30.0, 0.0)).await?;
    page.selected(200).await?;
    page.apply("relative", "11").await?;
    let both = page.bits("values").await?;

    page.panel("history").await?;
    page.browser.type_into("[aria-label='Name of the snapshot']", "two changes").await?;
    let at = page.sequence().await?;
    page.browser.click("[data-do=snapshot]:not(:disabled)").await?;
    page.newer(at).await?;

    // The first change, under the second.
    let at = page.sequence().await?;
    page.browser.click("ol.history li:last-child [data-revert]").await?;
    page.newer(at).await?;
    page.actions(1).await?;
    let (i, j) = cell(12.5, -9.5);
    ensure!(page.value("values", i, j).await? != 500.0);
    let at = page.sequence().await?;
    page.browser.click("[data-restore]:not(:disabled)").await?;
    page.newer(at).await?;
    ensure!(page.bits("values").await? == both, "the snapshot is not what it was");

    // The recipe, then nothing, then the recipe.
    let client = bench.modeller().client().await?;
    let address = format!("{}/panel/internal_oceans/recipe?id={}", bench.platform.address(), bench.workflow);
    let recipe = client.get(address).send().await?.error_for_status()?.text().await?;
    ensure!(recipe.contains("lon") && recipe.contains("500"), "{recipe}");
    let file = bench.platform.folder().join("recipe.json");
    std::fs::write(&file, &recipe)?;
    let at = page.sequence().await?;
    page.browser.click("[data-do=restart]:not(:disabled)").await?;
    page.newer(at).await?;
    ensure!(page.bits("values").await? == untouched, "starting over is not the file as it was");
    let at = page.sequence().await?;
    let path = file.to_str().unwrap_or_default();
    page.browser.find("input[type=file]").await?.send_keys(path).await?;
    page.newer(at).await?;
    page.browser
        .until("document.querySelector('dialog[open]')?.innerText.includes('All 2 actions fit')")
        .await?;
    ensure!(page.bits("values").await? == both, "the recipe does not do what was done");
    page.is_calm().await?;
    bench.done().await
}

#[tokio::test]
async fn a_recipe_goes_to_another_grid_and_tells_what_does_not_fit() -> Result<()> {
    let bench = Bench::start(1400, 1000).await?;
    let page = bench.open("internal_oceans", "").await?;
    for (from, to, cells) in [((10.0, -20.0), (40.0, 0.0), 600), ((100.0, 10.0), (120.0, 30.0), 400)] {
        page.draw_box(from, to).await?;
        page.selected(cells).await?;
        page.apply("absolute", "500").await?;
    }
    let client = bench.modeller().client().await?;
    let address = format!("{}/panel/internal_oceans/recipe?id={}", bench.platform.address(), bench.workflow);
    let recipe = client.get(address).send().await?.error_for_status()?.text().await?;
    let file = bench.platform.folder().join("recipe.json");
    std::fs::write(&file, &recipe)?;

    // Africa and around it, on cells of two degrees.
    let degrees = |unit: &str| Attributes::new().with("units", unit);
    let axis =
        |from: f64, count: usize| -> Array1<f64> { (0..count).map(|k| from + 2.0 * k as f64).collect() };
    let mut region = Dataset::new();
    region.add_f64("lat", &["lat"], axis(-39.0, 40).into_dyn(), degrees("degrees_north"));
    region.add_f64("lon", &["lon"], axis(-29.0, 50).into_dyn(), degrees("degrees_east"));
    region.add_f64("topo", &["lat", "lon"], Array2::from_elem((40, 50), -3000.0).into_dyn(), degrees("m"));
    let path = bench.platform.folder().join("region.nc");
    dataset::write(&region, &path)?;
    let workflow = bench.modeller().upload(&path, &[]).await?;
    let bench = Bench { workflow, ..bench };
    let page = bench.open("internal_oceans", "").await?;
    page.panel("history").await?;
    let at = page.sequence().await?;
    page.browser.find("input[type=file]").await?.send_keys(file.to_str().unwrap_or_default()).await?;
    page.newer(at).await?;
    page.browser.until("document.querySelector('dialog[open] .report li.no')").await?;
    let told = page.browser.text().await?;
    ensure!(told.contains("1 of 2 actions fit") && told.contains("it selects no cell here"), "{told}");
    page.actions(1).await?;
    // 10 to 40 east, 20 south to the equator: 15 x 10 cells.
    let raised =
        page.bits("values").await?.split(' ').filter(|bits| *bits == 500.0_f32.to_bits().to_string()).count();
    ensure!(raised == 150, "{raised} cells were raised");
    bench.done().await
}

#[tokio::test]
async fn the_cell_under_the_pointer_is_read_out_exactly() -> Result<()> {
    let bench = Bench::start(1400, 1000).await?;
    let before = bench.stored("raw", "topo").await?;
    let page = bench.open("internal_oceans", "").await?;
    page.point(25.5, -9.5).await?;
    page.browser
        .until("/^[^≈]*9.5°S 25.5°E · i 205 · j 80$/s.test(document.querySelector('.readout').innerText)")
        .await?;
    let (i, j) = cell(25.5, -9.5);
    let shown = page.script("return document.querySelector('.readout .value').innerText").await?;
    let number = shown.as_str().unwrap_or_default().replace('\u{2212}', "-");
    let value: f64 = number.split(' ').next().unwrap_or_default().parse()?;
    let expected = before[index(&before, i, j)];
    ensure!((value - expected).abs() <= expected.abs() * 1e-8, "{shown} is shown, {expected} is stored");
    bench.done().await
}
