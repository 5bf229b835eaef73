//! The main job, as a modeller does it: one command, a browser, a real topography; and the same from the command line.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use end_to_end::{Browser, FormClient, Modeller, Platform, binary, planet, planet_file};

/// The files that follow from the topography without a hand.
const FILES: [&str; 7] = ["routing", "bathy", "soils", "topo_high_res", "heatflow", "ahmcoef", "pft"];

/// What counts of a NetCDF file when two runs are compared: everything but the attributes of the download and the clock.
fn content(bytes: &[u8], name: &str) -> Result<BTreeMap<String, String>> {
    let file = dataset::from_bytes(bytes, name)?;
    Ok(file
        .variables
        .iter()
        .map(|v| (v.name.clone(), format!("{:?} {:?} {:?}", v.dimensions, v.attributes, bits(&v.values))))
        .collect())
}

/// Values as bits, so that NaN equals NaN and -0.0 is not 0.0.
fn bits(values: &dataset::Values) -> Vec<u64> {
    values.to_f64().into_iter().flatten().map(f64::to_bits).collect()
}

#[tokio::test]
async fn from_an_upload_in_the_browser_to_every_file() -> Result<()> {
    let mut platform = Platform::start()?;
    let site = platform.address().to_owned();
    let browser = Browser::start(1400, 1000).await?;
    let modeller = Modeller { browser: &browser, site: &site };
    modeller.register_and_log_in("wegener").await?;

    // The coordinates are recognised, so nothing is asked.
    let raw = planet_file(platform.folder(), "raw.nc")?;
    let workflow = modeller.upload(&raw, &[("title", "Synthetic planet"), ("age", "60")]).await?;
    let file = format!("/{workflow}");

    // Regrid to the grid it has, then route: heat flow and ahmcoef follow by themselves, live.
    modeller.ask(workflow, "regrid").await?;
    modeller.sees("regrid", "done").await?;
    modeller.ask(workflow, "routing").await?;
    for step in ["routing", "heatflow", "ahmcoef"] {
        modeller.sees(step, "done").await?;
    }
    modeller.ask(workflow, "pft").await?;
    modeller.sees("pft", "done").await?;

    // Every file on a map: the canvas shows more than one colour, and the page has no error.
    for name in FILES {
        browser.open(&format!("{site}{file}/{name}/view")).await?;
        browser.until("document.querySelector('climsim-map')").await?;
        browser.until(MAP_IS_DRAWN).await.with_context(|| format!("the map of {name}"))?;
    }

    // Download all of it, and each alone: provenance added, content as the command line computes it.
    let client = modeller.client().await?;
    let all = client.get(format!("{site}{file}/download")).send().await?.error_for_status()?.bytes().await?;
    ensure!(all.starts_with(b"PK"), "download all is no zip file");
    let out = platform.folder().join("cli");
    let regridded = platform.folder().join("regridded.nc");
    climsim(&["regrid", text(&raw)?, text(&regridded)?])?;
    climsim(&["pipeline", text(&regridded)?, "--topo-var", "topo", "--out", text(&out)?])?;
    for name in FILES {
        let response =
            client.get(format!("{site}{file}/{name}/download")).send().await?.error_for_status()?;
        let downloaded = response.bytes().await?;
        let provenance = dataset::from_bytes(&downloaded, name)?;
        let user = provenance.attributes.text("climate_sim_created_by").map(str::to_owned);
        ensure!(user.as_deref() == Some("wegener"), "{name}: provenance says {user:?}");
        ensure!(provenance.attributes.text("climate_sim_age") == Some("60"), "{name}: no age");
        let computed = std::fs::read(out.join(format!("{name}.nc")))?;
        ensure!(
            content(&downloaded, name)? == content(&computed, name)?,
            "{name}: browser and command line differ"
        );
    }

    // A routing done again is a comparison of two revisions.
    modeller.ask(workflow, "routing").await?;
    browser.until("document.querySelector('#asset-routing')?.innerText.includes('2, compare')").await?;
    browser.open(&format!("{site}{file}/routing/revision_comparison")).await?;
    browser.until("document.querySelector('climsim-map')").await?;

    // Killed as by a power cut, it comes back with everything.
    platform.kill_and_restart()?;
    browser.open(&format!("{}{file}/steps", platform.address())).await?;
    for step in ["regrid", "routing", "heatflow", "ahmcoef", "pft"] {
        modeller.sees(step, "done").await?;
    }
    browser.close().await?;
    platform.done();
    Ok(())
}

/// The commands under "From a script" in the README, as they stand there.
#[tokio::test]
async fn the_script_of_the_readme_does_it_too() -> Result<()> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"))?;
    let section = readme.split("## From a script\n").nth(1).context("the section")?.split("\n## ").next();
    let script: Vec<&str> =
        section.into_iter().flat_map(str::lines).filter(|line| line.starts_with("    ")).collect();
    ensure!(script.len() > 5, "{script:?}");

    let platform = Platform::start()?;
    let visitor = FormClient::new(platform.address())?;
    visitor.register_and_log_in("wegener").await?;
    let page = visitor.post("/auth/tokens", &[("label", "script")]).await?.text();
    let token =
        page.split("class=\"token\">").nth(1).and_then(|rest| rest.split('<').next()).context("a token")?;
    let script = script.join("\n").replace("http://127.0.0.1:5000", platform.address());
    let script = script.replace("token=...", &format!("token={token}"));
    std::fs::rename(planet_file(platform.folder(), "raw.nc")?, platform.folder().join("topo.nc"))?;
    let mut bash = tokio::process::Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script]).current_dir(platform.folder());
    let ran = bash.output().await?;
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    ensure!(ran.status.success(), "{said}");
    let results = std::fs::read(platform.folder().join("results.zip"))?;
    for name in ["routing", "bathy", "heatflow"] {
        let name = format!("topo_{name}_netcdf_flask_app.nc");
        ensure!(
            results.windows(name.len()).any(|bytes| bytes == name.as_bytes()),
            "no {name} among the results"
        );
    }
    platform.done();
    Ok(())
}

/// True once the map's canvas holds pixels of at least three colours.
const MAP_IS_DRAWN: &str = r"(() => {
    const canvas = document.querySelector('climsim-map')?.shadowRoot?.querySelector('canvas')
        ?? document.querySelector('climsim-map canvas');
    if (!canvas || !canvas.width) return false;
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const colours = new Set();
    for (let k = 0; k < pixels.length; k += 4 * 97) colours.add(`${pixels[k]},${pixels[k+1]},${pixels[k+2]}`);
    return colours.size >= 3;
})()";

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}

fn climsim(arguments: &[&str]) -> Result<()> {
    let output = Command::new(binary("climsim")).args(arguments).output()?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[tokio::test]
async fn a_step_that_fails_says_why_on_the_page_and_can_be_tried_again() -> Result<()> {
    let platform = Platform::start()?;
    let site = platform.address();
    let browser = Browser::start(420, 900).await?;
    let modeller = Modeller { browser: &browser, site };
    modeller.register_and_log_in("wegener").await?;

    // A map without any sea cannot be routed.
    let raw = platform.folder().join("land.nc");
    let mut land = dataset::from_bytes(&planet("raw.nc")?, "raw.nc")?;
    for variable in land.variables.iter_mut().filter(|v| v.name == "topo") {
        if let dataset::Values::F64(heights) = &mut variable.values {
            heights.fill(100.0);
        }
    }
    dataset::write(&land, &raw)?;
    let workflow = modeller.upload(&raw, &[]).await?;
    modeller.ask(workflow, "routing").await?;
    modeller.sees("routing", "failed").await?;
    let reason = browser.find("#step-routing .reason").await?.text().await?;
    ensure!(reason.contains("topo") && reason.contains("sea"), "the reason reads: {reason}");
    browser.click("#step-routing button").await?;
    browser.until("document.body.innerText.includes('Routing runs again')").await?;
    modeller.sees("routing", "failed").await?;

    // The narrow page does not scroll sideways.
    browser.until("document.documentElement.scrollWidth <= window.innerWidth").await?;
    browser.close().await?;
    platform.done();
    Ok(())
}

#[tokio::test]
async fn what_is_no_netcdf_is_refused_at_once() -> Result<()> {
    let platform = Platform::start()?;
    let site = platform.address();
    let browser = Browser::start(1400, 900).await?;
    let modeller = Modeller { browser: &browser, site };
    modeller.register_and_log_in("wegener").await?;
    let fake = platform.folder().join("notes.nc");
    std::fs::write(&fake, "these are notes")?;
    browser.open(&format!("{site}/upload")).await?;
    browser.type_into("#file", fake.to_str().context("a path")?).await?;
    browser.click("main form button.primary").await?;
    browser.until("document.body.innerText.includes('is not a NetCDF file')").await?;
    browser.close().await?;
    platform.done();
    Ok(())
}
