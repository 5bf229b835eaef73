//! How quick the map editor is, in a real browser without a graphics card: opening, from an edit to all maps drawn, pan and zoom.
//!
//! `cargo bench -p end_to_end --bench editor` after `cargo build --release --bins`; a machine with nothing else to do.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use end_to_end::{Browser, Modeller, Platform, binary, planet_file};
use serde_json::Value;

/// Edits at once: a script that runs longer than 30 s is given up by WebDriver.
const EDITS: usize = 20;
/// How often so many.
const ROUNDS: usize = 10;

#[tokio::main]
async fn main() -> Result<()> {
    let platform = Platform::start()?;
    let browser = Browser::start(1400, 900).await?;
    let modeller = Modeller { browser: &browser, site: platform.address() };
    modeller.register_and_log_in("wegener").await?;
    let degree = planet_file(platform.folder(), "raw.nc")?;
    let fine = finer(&degree, platform.folder())?;
    for (name, file) in [("360 x 180", degree), ("2160 x 1080", fine)] {
        let workflow = modeller.upload(&file, &[]).await?;
        measure(&browser, &format!("{}/panel/internal_oceans?id={workflow}", platform.address()), name)
            .await?;
    }
    browser.close().await?;
    platform.done();
    Ok(())
}

/// The planet on a grid of a sixth of a degree.
fn finer(file: &Path, folder: &Path) -> Result<PathBuf> {
    let out = folder.join("fine.nc");
    let step = (1.0_f64 / 6.0).to_string();
    let done = Command::new(binary("climsim"))
        .arg("regrid")
        .args([file, &out])
        .args(["--lon-step", &step, "--lat-step", &step])
        .output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(out)
}

async fn measure(browser: &Browser, address: &str, name: &str) -> Result<()> {
    let mut opening = Vec::new();
    for _ in 0..5 {
        let clicked = Instant::now();
        browser.open(address).await?;
        browser.until("document.querySelector('[data-sequence]')").await?;
        opening.push(clicked.elapsed().as_secs_f64() * 1000.0);
    }
    let first = browser.client().execute("return climsimEditor.firstShown", Vec::new()).await?;
    println!(
        "{name}: opening {} (the last: first map {first:.0} ms after navigation)",
        summary(&mut opening)
    );
    browser.until("climsimEditor.values.plane.whole").await?;
    let mut edits = Vec::new();
    for _ in 0..ROUNDS {
        edits.extend(numbers(browser, EDIT_LOOP).await?);
    }
    println!("{name}: edit to all maps drawn {}", summary(&mut edits));
    for (what, script) in [("pan, all of the map", PAN), ("zoom in and out", ZOOM), ("pan, zoomed in", PAN)] {
        let mut frames = numbers(browser, script).await?;
        println!("{name}: {what}: {}", summary(&mut frames));
    }
    Ok(())
}

/// Runs a script that calls back with numbers of milliseconds.
async fn numbers(browser: &Browser, script: &str) -> Result<Vec<f64>> {
    let script = script.replace("EDITS", &EDITS.to_string());
    let found = browser.client().execute_async(&script, Vec::new()).await?;
    let Value::Array(list) = found else { anyhow::bail!("not numbers: {found}") };
    list.iter().map(|v| v.as_f64().context("a number")).collect()
}

fn summary(times: &mut [f64]) -> String {
    times.sort_by(f64::total_cmp);
    let at = |q: f64| times[((times.len() - 1) as f64 * q).round() as usize];
    format!("median {:.1} ms, p99 {:.1} ms, of {}", at(0.5), at(0.99), times.len())
}

/// Sets boxes of 10 x 10 degrees here and there; a time runs from the request to the frame in which every map shows it.
const EDIT_LOOP: &str = r"
const done = arguments[0];
(async () => {
    const times = [];
    for (let k = 0; k < EDITS; k++) {
        const lon = (k * 47) % 340 - 170, lat = (k * 29) % 140 - 70;
        const began = performance.now();
        const shown = new Promise((resolve) => climsimEditor.addEventListener('shown', resolve, { once: true }));
        await climsimEditor.apply({ operation: { absolute: { value: k % 2 ? 350 : -350 } }, selection: { box: { lon: [lon, lon + 10], lat: [lat, lat + 10] } } });
        await shown;
        times.push(performance.now() - began);
    }
    done(times);
})();";

const PAN: &str = r"
const done = arguments[0], times = [];
let last = performance.now(), k = 0;
const tick = (now) => {
    if (k > 5) times.push(now - last);
    last = now;
    climsimEditor.large.pan(Math.sin(k / 9) * 12, Math.cos(k / 7) * 4);
    if (k++ < 180) requestAnimationFrame(tick); else done(times);
};
requestAnimationFrame(tick);";

const ZOOM: &str = r"
const done = arguments[0], times = [];
let last = performance.now(), k = 0;
const tick = (now) => {
    if (k > 5) times.push(now - last);
    last = now;
    climsimEditor.large.zoom(k < 90 ? 1.035 : k < 150 ? 1 / 1.035 : 1.01);
    if (k++ < 180) requestAnimationFrame(tick); else done(times);
};
requestAnimationFrame(tick);";
