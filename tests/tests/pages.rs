//! Every page in a real browser, wide and narrow: nothing runs over the edge, everything can be reached by keyboard and has
//! a name, nothing is asked of another host, no script fails; and what pages do while one types.

use anyhow::{Context, Result, ensure};
use end_to_end::{Browser, Modeller, Platform, planet_file};
use serde_json::Value;

/// Keys, as WebDriver writes them.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const RIGHT: &str = "\u{e014}";
const LEFT: char = '\u{e012}';

/// What is wrong with the page that is open, as a list of sentences: it runs over the edge, something to click or to fill in
/// has no name or cannot take the focus, pictures without a text, a heading is missing, something came from elsewhere.
const FAULTS: &str = r#"
    const faults = [];
    const width = document.documentElement.scrollWidth;
    if (width > innerWidth) faults.push(`is ${width} pixels wide`);
    const name = (element) => element.getAttribute('aria-label') || element.innerText || element.title || element.value
        || [...(element.labels ?? [])].map((label) => label.innerText).join('') || element.querySelector?.('img')?.alt;
    const walk = (root) => {
        for (const element of root.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')) {
            if (element.type === 'hidden' || element.id === 'main' || !element.checkVisibility()) continue;
            if (element.disabled) continue;
            if (!(name(element) ?? '').trim()) faults.push(`without a name: ${element.outerHTML.slice(0, 120)}`);
            // Of the tabs of a list one is in the order, and arrows lead to the others.
            const roving = element.closest('[role=tablist]')?.querySelector('[role=tab][tabindex="0"]');
            if (element.tabIndex < 0 && !roving) faults.push(`not in the tab order: ${element.outerHTML.slice(0, 120)}`);
        }
        for (const image of root.querySelectorAll('img:not([alt])')) faults.push(`no text for ${image.outerHTML}`);
        for (const element of root.querySelectorAll('*')) if (element.shadowRoot) walk(element.shadowRoot);
    };
    walk(document);
    if (document.querySelectorAll('h1').length !== 1) faults.push(`has ${document.querySelectorAll('h1').length} headings h1`);
    for (const entry of performance.getEntriesByType('resource'))
        if (new URL(entry.name).origin !== location.origin) faults.push(`asks ${entry.name}`);
    return faults;
"#;

/// Fails unless the page at `path` is without fault, by keyboard too: the first key leads to the link past the navigation.
async fn is_good(browser: &Browser, site: &str, path: &str) -> Result<()> {
    browser.open(&format!("{site}{path}")).await?;
    if path.ends_with("/view") {
        browser.until("document.querySelector('climsim-map')?.source").await?;
    }
    let faults = browser.run(FAULTS).await?;
    ensure!(faults == Value::Array(Vec::new()), "{path}: {faults:#}");
    Ok(())
}

/// A modeller who has uploaded the planet's topography, and the number of the workflow.
async fn begin<'a>(platform: &'a Platform, browser: &'a Browser) -> Result<(Modeller<'a>, i32)> {
    let modeller = Modeller { browser, site: platform.address() };
    modeller.register_and_log_in("wegener").await?;
    let id = modeller.upload(&planet_file(platform.folder(), "raw.nc")?, &[]).await?;
    Ok((modeller, id))
}

#[tokio::test]
async fn every_page_is_good_at_any_width() -> Result<()> {
    let platform = Platform::start()?;
    let site = platform.address();
    let raw = planet_file(platform.folder(), "raw.nc")?;
    let mut workflow = None;
    for width in [1400, 420] {
        let browser = Browser::start(width, 900).await?;
        let modeller = Modeller { browser: &browser, site };
        for path in ["/auth/login", "/auth/register", "/about", "/findings", "/nothing/here"] {
            is_good(&browser, site, path).await?;
        }
        let id = match workflow {
            Some(id) => {
                modeller.log_in("wegener").await?;
                id
            }
            None => {
                modeller.register_and_log_in("wegener").await?;
                let id = modeller.upload(&raw, &[("title", "Synthetic planet"), ("age", "60")]).await?;
                modeller.ask(id, "regrid").await?;
                modeller.sees("regrid", "done").await?;
                modeller.ask(id, "routing").await?;
                for step in ["routing", "heatflow", "ahmcoef"] {
                    modeller.sees(step, "done").await?;
                }
                modeller.ask(id, "sub_basins").await?;
                modeller.sees("subbasins", "done").await?;
                modeller.ask(id, "pft").await?;
                modeller.sees("pft", "done").await?;
                id
            }
        };
        workflow = Some(id);
        for path in ["/", "/upload", "/auth/password", "/auth/tokens", "/auth/logout"] {
            is_good(&browser, site, path).await?;
        }
        for page in [
            "steps",
            "set_coords",
            "delete",
            "send",
            "regrid",
            "internal_oceans",
            "routing",
            "passage_problems",
            "pft",
            "heatflow",
            "ahmcoef",
            "sub_basins",
            "calculate_weights",
            "raw/revision_comparison",
            "raw/view",
            "raw/fileInfo",
            "bathy/view",
            "topo_high_res/view",
            "pft/view",
            "pft/fileInfo",
            "routing/variable_explorer",
        ] {
            is_good(&browser, site, &format!("/{id}/{page}")).await?;
        }
        browser.close().await?;
    }
    platform.done();
    Ok(())
}

/// From the login to a step under way without a pointer: what has the focus is where one expects it.
#[tokio::test]
async fn the_keyboard_is_enough() -> Result<()> {
    let platform = Platform::start()?;
    let site = platform.address();
    let browser = Browser::start(1400, 900).await?;
    let (modeller, id) = begin(&platform, &browser).await?;
    let said = browser.find(".note.success").await?.text().await?;
    ensure!(said.contains("recognised"), "after the upload: {said}");
    browser.open(&format!("{site}/{id}/regrid")).await?;
    // The first key offers the way past the navigation, and it leads to the content.
    browser.press(TAB).await?;
    browser.until("document.activeElement.matches('.skip')").await?;
    browser.press(ENTER).await?;
    browser.until("document.activeElement.id === 'main'").await?;
    // On to the button, within so many steps as the form has fields.
    for _ in 0..20 {
        browser.press(TAB).await?;
        let there = browser.run("return document.activeElement.matches('button.primary');").await?;
        if there == Value::Bool(true) {
            break;
        }
    }
    browser.press(ENTER).await?;
    modeller.sees("regrid", "done").await?;

    // A map: arrows move it, plus looks closer, Shift and arrows read cells aloud, Escape lets go.
    browser.open(&format!("{site}/{id}/raw/view")).await?;
    browser.until("document.querySelector('climsim-map')?.source").await?;
    browser
        .run("document.querySelector('climsim-map').shadowRoot.querySelector('canvas.over').focus();")
        .await?;
    let view = "JSON.stringify([document.querySelector('climsim-map').view.cx, document.querySelector('climsim-map').view.scale])";
    let before = browser.run(&format!("return {view};")).await?;
    browser.press("+").await?;
    browser.press(RIGHT).await?;
    browser.until(&format!("{view} !== {before}")).await?;
    browser.press_with_shift(LEFT).await?;
    browser.until("/ m, .*column \\d+, row \\d+/.test(document.querySelector('climsim-map').shadowRoot.querySelector('.hidden-text').textContent)").await?;
    browser.close().await?;
    platform.done();
    Ok(())
}

/// While a step comes along, the page replaces what changes and nothing else: a click or the focus is not lost to an update.
#[tokio::test]
async fn what_does_not_change_on_the_steps_page_stays() -> Result<()> {
    let platform = Platform::start()?;
    let site = platform.address();
    let browser = Browser::start(1400, 900).await?;
    let (modeller, id) = begin(&platform, &browser).await?;
    browser.open(&format!("{site}/{id}/steps")).await?;
    browser
        .run(
            "for (const link of document.querySelectorAll('#diagram a, #steps-table a, #assets-table a')) link.before = true;
             document.querySelector('#step-regrid a').focus();",
        )
        .await?;

    let window = browser.client().window().await?;
    let other = browser.client().new_window(true).await?.handle;
    browser.client().switch_to_window(other).await?;
    modeller.ask(id, "regrid").await?;
    // The browser may hold this window for one that nobody sees, which does not follow the step.
    browser.until(&format!("location.pathname == '/{id}/steps'")).await?;
    browser.client().close_window().await?;
    browser.client().switch_to_window(window).await?;
    modeller.sees("regrid", "done").await?;
    browser.until("document.querySelector('#asset-raw a[title=\"Compare revisions\"]')").await?;
    browser.until("document.querySelector('.node.done[href$=\"/regrid\"]')").await?;
    let focused =
        browser.run("return document.activeElement === document.querySelector('#step-regrid a');").await?;
    ensure!(focused == Value::Bool(true), "the link that had the focus lost it");
    let replaced = browser
        .run(
            "return [...document.querySelectorAll('#diagram a, #step-regrid a, #step-internal_oceans a, #asset-raw .actions a')]
                .filter((link) => !link.before).map((link) => link.outerHTML);",
        )
        .await?;
    ensure!(replaced == Value::Array(Vec::new()), "replaced: {replaced:#}");
    // What is shown is what the server gives anew.
    let tables = "return ['diagram', 'steps-table', 'assets-table'].map((id) => document.getElementById(id).outerHTML).join('');";
    let shown = browser.run(tables).await?;
    browser.client().refresh().await?;
    let fresh = browser.run(tables).await?;
    ensure!(shown == fresh, "{shown}\nbut anew\n{fresh}");
    platform.done();
    Ok(())
}

#[tokio::test]
async fn the_table_of_vegetation_adds_up_as_one_types_and_comes_back() -> Result<()> {
    let platform = Platform::start()?;
    let site = platform.address();
    let browser = Browser::start(1400, 900).await?;
    let (modeller, id) = begin(&platform, &browser).await?;
    modeller.ask(id, "routing").await?;
    modeller.sees("routing", "done").await?;
    browser.open(&format!("{site}/{id}/pft")).await?;
    let first = "document.querySelector('table.pft tbody tr')";
    browser.until(&format!("{first}.querySelector('output').textContent === '100 %'")).await?;
    // The share of the second type, 75 by default, is typed anew: the total follows, and a wrong one cannot be sent.
    browser
        .run(&format!("const input = {first}.querySelectorAll('input')[2]; input.focus(); input.select();"))
        .await?;
    browser.press("70").await?;
    browser.until(&format!("{first}.querySelector('output').textContent === '95 %'")).await?;
    browser.until("document.querySelector('button.primary').disabled").await?;
    browser
        .run(&format!("const input = {first}.querySelectorAll('input')[3]; input.focus(); input.select();"))
        .await?;
    browser.press("30").await?;
    browser.until("!document.querySelector('button.primary').disabled").await?;
    browser.click("main form button.primary").await?;
    modeller.sees("pft", "done").await?;
    browser.open(&format!("{site}/{id}/pft")).await?;
    for (column, value) in [(2, "70"), (3, "30")] {
        browser.until(&format!("{first}.querySelectorAll('input')[{column}].value === '{value}'")).await?;
    }
    // And so it is in the file: 70 % of the second type at the equator, where there is land.
    let client = modeller.client().await?;
    let bytes =
        client.get(format!("{site}/{id}/pft/download")).send().await?.error_for_status()?.bytes().await?;
    let file = dataset::from_bytes(&bytes, "pft")?;
    let shares = file.variable("maxvegetfrac").and_then(dataset::Variable::decode).context("no shares")?;
    let mut land = (0..720).map(|column| shares[[0, 1, 180, column]]).filter(|share| !share.is_nan());
    ensure!(land.next() == Some(0.7), "the share in the file");
    browser.close().await?;
    platform.done();
    Ok(())
}
