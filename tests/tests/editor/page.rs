//! The editor's page, by what is on it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end_to_end::{Browser, Modeller, Platform, planet_file};
use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use serde_json::{Value, json};

/// A modeller who is logged in, with the synthetic planet uploaded (180 x 360 cells of one degree, variable `topo`).
pub(crate) struct Bench {
    pub(crate) platform: Platform,
    pub(crate) browser: Browser,
    pub(crate) workflow: i32,
}

impl Bench {
    /// Stands on the page of the workflow.
    pub(crate) async fn start(width: u32, height: u32) -> Result<Self> {
        let platform = Platform::start()?;
        let browser = Browser::start(width, height).await?;
        let modeller = Modeller { browser: &browser, site: platform.address() };
        modeller.register_and_log_in("wegener").await?;
        let raw = planet_file(platform.folder(), "raw.nc")?;
        let workflow = modeller.upload(&raw, &[("title", "Synthetic planet")]).await?;
        Ok(Self { platform, browser, workflow })
    }

    /// With the routing done, so that there are a bathymetry and files of rivers.
    pub(crate) async fn routed(width: u32, height: u32) -> Result<Self> {
        let bench = Self::start(width, height).await?;
        let modeller = bench.modeller();
        modeller.ask(bench.workflow, "regrid").await?;
        modeller.sees("regrid", "done").await?;
        modeller.ask(bench.workflow, "routing").await?;
        modeller.sees("routing", "done").await?;
        Ok(bench)
    }

    pub(crate) fn modeller(&self) -> Modeller<'_> {
        Modeller { browser: &self.browser, site: self.platform.address() }
    }

    /// The address of an editor; `more` begins with `&` or is empty.
    pub(crate) fn address(&self, app: &str, more: &str) -> String {
        let (site, id) = (self.platform.address(), self.workflow);
        format!("{site}/panel/{app}?id={id}&redirect=/{id}/steps{more}")
    }

    /// Opens an editor, and waits until all its maps are drawn.
    pub(crate) async fn open(&self, app: &str, more: &str) -> Result<Page<'_>> {
        self.browser.open(&self.address(app, more)).await?;
        let page = Page { browser: &self.browser };
        page.drawn().await?;
        // Styles of the site must not reach into the editor's: nothing stands beside its large map.
        let share = page
            .script(
                "const width = (of) => document.querySelector(of).getBoundingClientRect().width;
                return width('.pane.large') / width('section.maps')",
            )
            .await?;
        ensure!(share.as_f64().is_some_and(|share| share > 0.95), "the large map has {share} of the width");
        Ok(page)
    }

    /// A variable of the latest revision of a file, as it is downloaded.
    pub(crate) async fn stored(&self, file_type: &str, variable: &str) -> Result<Vec<f64>> {
        let client = self.modeller().client().await?;
        let address = format!("{}/{}/{file_type}/download", self.platform.address(), self.workflow);
        let bytes = client.get(address).send().await?.error_for_status()?.bytes().await?;
        let file = dataset::from_bytes(&bytes, file_type)?;
        let found = file.variables.iter().find(|v| v.name == variable);
        let values = &found.with_context(|| format!("{file_type} has no {variable}"))?.values;
        Ok(values.to_f64().context("numbers")?.into_iter().collect())
    }

    pub(crate) async fn done(self) -> Result<()> {
        self.browser.close().await?;
        self.platform.done();
        Ok(())
    }
}

/// An open editor.
#[derive(Clone, Copy)]
pub(crate) struct Page<'a> {
    pub(crate) browser: &'a Browser,
}

impl Page<'_> {
    pub(crate) async fn drawn(&self) -> Result<()> {
        self.browser.until("document.querySelector('[data-sequence]')").await
    }

    pub(crate) async fn script(&self, script: &str) -> Result<Value> {
        Ok(self.browser.client().execute(script, Vec::new()).await?)
    }

    /// What the page says of itself (`data-NAME` of the editor).
    pub(crate) async fn says(&self, name: &str) -> Result<String> {
        let script = format!("return document.querySelector('[data-socket]').dataset.{name} ?? ''");
        Ok(self.script(&script).await?.as_str().unwrap_or_default().to_owned())
    }

    pub(crate) async fn sequence(&self) -> Result<u64> {
        self.says("sequence").await?.parse().context("a sequence")
    }

    /// Waits until the maps show something newer than `before`; gives what.
    pub(crate) async fn newer(&self, before: u64) -> Result<u64> {
        let newer = format!("Number(document.querySelector('[data-socket]').dataset.sequence) > {before}");
        self.browser.until(&newer).await?;
        self.sequence().await
    }

    /// Waits until so many cells are selected.
    pub(crate) async fn selected(&self, cells: usize) -> Result<()> {
        let selected = format!("document.querySelector('[data-socket]').dataset.selected == '{cells}'");
        self.browser.until(&selected).await.with_context(|| format!("{cells} selected cells"))
    }

    /// Waits until so many changes count.
    pub(crate) async fn actions(&self, actions: usize) -> Result<()> {
        let found = format!("document.querySelector('[data-socket]').dataset.actions == '{actions}'");
        self.browser.until(&found).await.with_context(|| format!("{actions} changes"))
    }

    pub(crate) async fn tool(&self, name: &str) -> Result<()> {
        self.browser.click(&format!("button[data-tool={name}]")).await
    }

    pub(crate) async fn panel(&self, name: &str) -> Result<()> {
        self.browser.click(&format!("#tab-{name}")).await
    }

    /// Where a position of the world is in the window, on the large map.
    pub(crate) async fn place(&self, x: f64, y: f64) -> Result<(f64, f64)> {
        let script = "const pane = climsimEditor.large, box = pane.over.getBoundingClientRect();
            const [x, y] = pane.view.toScreen(arguments[0], arguments[1]);
            // A mouse is on whole pixels; rounded here it is never a whole one off.
            return [Math.round(box.x + x), Math.round(box.y + y)]";
        let at = self.browser.client().execute(script, vec![json!(x), json!(y)]).await?;
        Ok((at[0].as_f64().context("x")?, at[1].as_f64().context("y")?))
    }

    /// Presses the button at the first place (longitude, latitude), goes along the others, and lets go at the last.
    pub(crate) async fn drag(&self, path: &[(f64, f64)]) -> Result<()> {
        let mut mouse = MouseActions::new("mouse".to_owned());
        for (k, &(x, y)) in path.iter().enumerate() {
            let (x, y) = self.place(x, y).await?;
            mouse = mouse.then(PointerAction::MoveTo { duration: Some(Duration::from_millis(30)), x, y });
            if k == 0 {
                mouse = mouse.then(PointerAction::Down { button: MOUSE_BUTTON_LEFT });
            }
        }
        mouse = mouse.then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.browser.client().perform_actions(mouse).await?;
        Ok(())
    }

    /// Moves the pointer to a place.
    pub(crate) async fn point(&self, x: f64, y: f64) -> Result<()> {
        let (x, y) = self.place(x, y).await?;
        let to = PointerAction::MoveTo { duration: None, x, y };
        Ok(self.browser.client().perform_actions(MouseActions::new("mouse".to_owned()).then(to)).await?)
    }

    /// Draws a box from one corner (longitude, latitude) to the other.
    pub(crate) async fn draw_box(&self, from: (f64, f64), to: (f64, f64)) -> Result<()> {
        self.tool("box").await?;
        self.drag(&[from, to]).await
    }

    /// Types a value, applies it to what is selected, and waits until the maps show it.
    pub(crate) async fn apply(&self, kind: &str, value: &str) -> Result<u64> {
        self.panel("change").await?;
        let before = self.sequence().await?;
        self.script(&format!("document.querySelector('input[name=kind][value={kind}]').click()")).await?;
        let field = self.browser.find("[data-value]").await?;
        field.clear().await?;
        field.send_keys(value).await?;
        self.browser.click("[data-do=apply]:not(:disabled)").await?;
        self.newer(before).await
    }

    pub(crate) async fn step(&self, what: &str) -> Result<u64> {
        let before = self.sequence().await?;
        self.browser.click(&format!("[data-do={what}]:not(:disabled)")).await?;
        self.newer(before).await
    }

    /// Presses keys on whatever has the focus.
    pub(crate) async fn keys(&self, keys: &str) -> Result<()> {
        self.browser.client().active_element().await?.send_keys(keys).await?;
        Ok(())
    }

    /// The value that the page shows of a cell of a map.
    pub(crate) async fn value(&self, map: &str, i: usize, j: usize) -> Result<f64> {
        let script = format!(
            "const v = climsimEditor.maps.get('{map}').plane.at({i}, {j}); return Number.isNaN(v) ? null : v"
        );
        Ok(self.script(&script).await?.as_f64().unwrap_or(f64::NAN))
    }

    /// All values that the page shows of a map, as bits of single precision in one text.
    pub(crate) async fn bits(&self, map: &str) -> Result<String> {
        let script = format!(
            "return Array.from(new Uint32Array(climsimEditor.maps.get('{map}').plane.whole.values.buffer)).join(' ')"
        );
        Ok(self.script(&script).await?.as_str().unwrap_or_default().to_owned())
    }

    /// Saves with a description, and waits until the browser has left for the steps.
    pub(crate) async fn save(&self, description: &str) -> Result<()> {
        self.browser.click("[data-do=save]:not(:disabled)").await?;
        self.browser.type_into("#description", description).await?;
        self.browser.click("[data-do=confirm-save]").await?;
        self.browser.until("/^\\/\\d+\\/steps$/.test(location.pathname)").await
    }

    /// Fails when the page tells of an error.
    pub(crate) async fn is_calm(&self) -> Result<()> {
        let trouble = self
            .script("return document.querySelector('.banner.danger:not([hidden])')?.innerText ?? ''")
            .await?;
        ensure!(trouble == "", "the page says: {trouble}");
        Ok(())
    }
}
