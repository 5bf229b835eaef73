//! How quick the map editor is, in a real browser without a graphics card: opening, from an edit to all maps drawn, pan and zoom;
//! the same beside 49 other editors at work in tabs of the same browser; and a map of 21600 x 10800.
//!
//! `cargo bench -p end_to_end --bench editor` after `cargo build --release --bins`; a machine with nothing else to do, and
//! 16 GB of memory.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use dataset::{Attributes, Dataset};
use end_to_end::{Browser, Modeller, Platform, planet_file, regridded};
use ndarray::{Array1, Array2};
use serde_json::Value;

/// Edits at once: a script that runs longer than 30 s is given up by WebDriver.
const EDITS: usize = 20;
/// How often so many.
const ROUNDS: usize = 10;
/// Editors that are open beside the one that is measured.
const OTHERS: usize = 49;

#[tokio::main]
async fn main() -> Result<()> {
    // `cargo test --benches` only wants to see that it builds and runs.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let platform = Platform::start()?;
    let browser = Browser::start(1400, 900).await?;
    let modeller = Modeller { browser: &browser, site: platform.address() };
    modeller.register_and_log_in("wegener").await?;
    let degree = planet_file(platform.folder(), "raw.nc")?;
    let fine = regridded(&degree, 1.0 / 6.0, "fine.nc")?;
    let editor = |workflow| format!("{}/panel/internal_oceans?id={workflow}", platform.address());
    for (name, file) in [("360 x 180", &degree), ("2160 x 1080", &fine)] {
        let workflow = modeller.upload(file, &[]).await?;
        measure(&browser, &editor(workflow), name).await?;
    }

    let huge = huge(platform.folder())?;
    let workflow = modeller.upload(&huge, &[]).await?;
    let before = resident_mb(&platform)?;
    look(&browser, &editor(workflow), "21600 x 10800").await?;
    println!("21600 x 10800: the platform grew by {:.0} MB", resident_mb(&platform)? - before);

    let measured = browser.client().window().await?;
    let mut others = Vec::new();
    for _ in 0..OTHERS {
        let tab = browser.client().new_window(true).await?;
        browser.client().switch_to_window(tab.handle).await?;
        let workflow = modeller.upload(&degree, &[]).await?;
        browser.open(&editor(workflow)).await?;
        browser.until("document.querySelector('[data-sequence]')").await?;
        browser.run(EDIT_NOW_AND_THEN).await?;
        others.push(browser.client().window().await?);
    }
    browser.client().switch_to_window(measured).await?;
    for (name, file) in [("360 x 180", &degree), ("2160 x 1080", &fine)] {
        let workflow = modeller.upload(file, &[]).await?;
        measure(&browser, &editor(workflow), &format!("{name}, beside {OTHERS} others")).await?;
    }
    let mut made = 0;
    for tab in others {
        browser.client().switch_to_window(tab).await?;
        let sequence =
            browser.run("return Number(document.querySelector('[data-sequence]').dataset.sequence)").await?;
        made += sequence.as_u64().context("a number of actions")?;
    }
    println!("the {OTHERS} others have made {made} edits");
    browser.close().await?;
    platform.done();
    Ok(())
}

/// A planet of an arc minute: too large to edit, not to look at.
fn huge(folder: &Path) -> Result<PathBuf> {
    let (rows, columns) = (10_800_usize, 21_600_usize);
    let degrees = |count: usize, span: f64| -> Vec<f64> {
        (0..count).map(|k| span * ((k as f64 + 0.5) / count as f64 - 0.5)).collect()
    };
    let (lat, lon) = (degrees(rows, 180.0), degrees(columns, 360.0));
    let wave =
        |at: &[f64], by: f64| -> Vec<f32> { at.iter().map(|x| (x * by).to_radians().sin() as f32).collect() };
    let (slow, quick) = ((wave(&lat, 3.0), wave(&lon, 2.0)), (wave(&lat, 40.0), wave(&lon, 50.0)));
    let heights = Array2::from_shape_fn((rows, columns), |(j, i)| {
        (3000.0 * slow.0[j] * slow.1[i] + 800.0 * quick.0[j] * quick.1[i] - 500.0) as i32
    });
    let mut file = Dataset::new();
    file.add_f64(
        "lat",
        &["lat"],
        Array1::from(lat).into_dyn(),
        Attributes::new().with("units", "degrees_north"),
    );
    file.add_f64(
        "lon",
        &["lon"],
        Array1::from(lon).into_dyn(),
        Attributes::new().with("units", "degrees_east"),
    );
    file.add_i32("topo", &["lat", "lon"], heights.into_dyn(), Attributes::new().with("units", "m"));
    let path = folder.join("huge.nc");
    dataset::write(&file, &path)?;
    Ok(path)
}

fn resident_mb(platform: &Platform) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", platform.process()))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("a resident size")?;
    Ok(line.split_whitespace().nth(1).context("a size")?.parse::<f64>()? / 1024.0)
}

async fn open(browser: &Browser, address: &str, name: &str) -> Result<()> {
    let mut opening = Vec::new();
    for _ in 0..5 {
        let clicked = Instant::now();
        browser.open(address).await?;
        browser.until("document.querySelector('[data-sequence]')").await?;
        opening.push(clicked.elapsed().as_secs_f64() * 1000.0);
    }
    let first = browser.run("return climsimEditor.firstShown").await?;
    println!(
        "{name}: opening {} (the last: first map {first:.0} ms after navigation)",
        summary(&mut opening)
    );
    Ok(())
}

async fn look(browser: &Browser, address: &str, name: &str) -> Result<()> {
    open(browser, address, name).await?;
    for (what, script) in [("pan, all of the map", PAN), ("zoom in and out", ZOOM), ("pan, zoomed in", PAN)] {
        let mut frames = numbers(browser, script).await?;
        println!("{name}: {what}: {}", summary(&mut frames));
    }
    Ok(())
}

async fn measure(browser: &Browser, address: &str, name: &str) -> Result<()> {
    look(browser, address, name).await?;
    browser.open(address).await?;
    browser.until("window.climsimEditor?.values?.plane?.whole").await?;
    let mut edits = Vec::new();
    for _ in 0..ROUNDS {
        edits.extend(numbers(browser, EDIT_LOOP).await?);
    }
    println!("{name}: edit to all maps drawn {}", summary(&mut edits));
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

/// A box every five seconds, as somebody does who works fast.
const EDIT_NOW_AND_THEN: &str = r"
let k = Math.floor(Math.random() * 100);
setInterval(() => {
    const lon = (++k * 47) % 340 - 170, lat = (k * 29) % 140 - 70;
    climsimEditor.apply({ operation: { absolute: { value: k % 2 ? 350 : -350 } }, selection: { box: { lon: [lon, lon + 10], lat: [lat, lat + 10] } } });
}, 5000);";

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
