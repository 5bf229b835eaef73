//! How quick the pages are, in a real browser: a click on *Routing* until the page shows it up to date, and a view of a
//! file of half a degree, with what it takes from the network.
//!
//! `cargo bench -p end_to_end --bench pages` after `cargo build --release --bins`; a machine with nothing else to do.

use std::time::Instant;

use anyhow::{Context, Result};
use end_to_end::{Browser, Modeller, Platform, planet_file, regridded};

const ROUNDS: usize = 10;

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
    let workflow = modeller.upload(&degree, &[]).await?;

    let mut clicks = Vec::new();
    for _ in 0..ROUNDS {
        browser.open(&format!("{}/{workflow}/routing", platform.address())).await?;
        let button = browser.find("main form button.primary").await?;
        let clicked = Instant::now();
        button.click().await?;
        while browser.run(UP_TO_DATE).await? != true {}
        clicks.push(clicked.elapsed().as_secs_f64() * 1e3);
        for step in ["heatflow", "ahmcoef"] {
            modeller.sees(step, "done").await?;
        }
    }
    println!("routing, click to up to date in the browser: {}", summary(&mut clicks));

    let half = regridded(&degree, 0.5, "half.nc")?;
    let workflow = modeller.upload(&half, &[]).await?;
    // The first of them also brings the scripts into the browser.
    for view in [format!("{}/topo_high_res/view", workflow - 1), format!("{workflow}/raw/view")] {
        let mut shown = Vec::new();
        let mut bytes = Vec::new();
        for round in 0..=ROUNDS {
            let address = format!("{}/{view}", platform.address());
            browser.open(&address).await?;
            let told = browser.client().execute_async(SHOWN, Vec::new()).await?;
            let number = |k: usize| told[k].as_f64().context("a number");
            if round == 0 {
                println!("{view}, first time: {:.0} ms, {:.0} kB", number(0)?, number(1)? / 1e3);
            } else {
                shown.push(number(0)?);
                bytes.push(number(1)? / 1e3);
            }
        }
        bytes.sort_by(f64::total_cmp);
        println!("{view}, again: {}, {:.0} kB", summary(&mut shown), bytes[ROUNDS / 2]);
    }
    browser.close().await?;
    platform.done();
    Ok(())
}

fn summary(times: &mut [f64]) -> String {
    times.sort_by(f64::total_cmp);
    format!(
        "median {:.0} ms, best {:.0} ms, worst {:.0} ms, of {}",
        times[times.len() / 2],
        times[0],
        times[times.len() - 1],
        times.len()
    )
}

const UP_TO_DATE: &str = "return location.pathname.endsWith('/steps') \
     && document.querySelector('#step-routing')?.dataset.state === 'done';";

/// Milliseconds from the beginning of the navigation to the frame with the map, and bytes that came by the network.
const SHOWN: &str = r"
const done = arguments[0];
const look = () => {
    const canvas = document.querySelector('climsim-map')?.shadowRoot?.querySelector('canvas');
    const frame = canvas?.width ? canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height) : null;
    const colours = new Set();
    const pixels = frame ? new Uint32Array(frame.data.buffer) : [];
    for (let at = 0; at < pixels.length; at += 997) colours.add(pixels[at]);
    if (colours.size < 3) return requestAnimationFrame(look);
    const shown = performance.now();
    const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    done([shown, entries.reduce((sum, entry) => sum + entry.transferSize, 0)]);
};
requestAnimationFrame(look);";
