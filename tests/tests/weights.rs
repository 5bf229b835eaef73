//! The coupling weights, from the upload to the archive on the modeller's disk, in a browser; and the same from the
//! command line.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use end_to_end::{Browser, Modeller, Platform, binary, planet_file};
use flate2::read::GzDecoder;

/// Files by their paths.
type Tree = BTreeMap<String, Vec<u8>>;

fn unpacked(archive: &[u8]) -> Result<Tree> {
    let mut files = Tree::new();
    for entry in tar::Archive::new(GzDecoder::new(archive)).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        files.insert(path, bytes);
    }
    Ok(files)
}

fn numbers(files: &Tree, path: &str, variable: &str) -> Result<Vec<f64>> {
    let bytes = files.get(path).with_context(|| format!("no {path} among {:?}", files.keys()))?;
    let file = dataset::from_bytes(bytes, path)?;
    let values = file.variable(variable).and_then(|found| found.values.to_f64());
    Ok(values.with_context(|| format!("no numbers {variable} in {path}"))?.into_iter().collect())
}

fn climsim(arguments: &[&str]) -> Result<String> {
    let output = Command::new(binary("climsim")).args(arguments).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(said)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}

/// True once the canvases of both maps hold pixels of at least three colours.
const MAPS_ARE_DRAWN: &str = r"[...document.querySelectorAll('.side-by-side climsim-map')].length == 2
    && [...document.querySelectorAll('.side-by-side climsim-map')].every((map) => {
        const canvas = map.shadowRoot?.querySelector('canvas');
        if (!canvas || !canvas.width) return false;
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        const colours = new Set();
        for (let k = 0; k < pixels.length; k += 4 * 97) colours.add(`${pixels[k]},${pixels[k+1]},${pixels[k+2]}`);
        return colours.size >= 3;
    })";

#[tokio::test]
async fn from_an_upload_to_the_weights_on_the_modellers_disk() -> Result<()> {
    let platform = Platform::start()?;
    let site = platform.address();
    let browser = Browser::start(1400, 1000).await?;
    let modeller = Modeller { browser: &browser, site };
    modeller.register_and_log_in("wegener").await?;
    let raw = planet_file(platform.folder(), "raw.nc")?;
    let workflow = modeller.upload(&raw, &[("title", "Planet")]).await?;
    modeller.ask(workflow, "routing").await?;
    modeller.sees("routing", "done").await?;
    modeller.ask(workflow, "sub_basins").await?;
    modeller.sees("subbasins", "done").await?;

    // As the form stands: IPSLCM5A2, on the generated grid that the routing took.
    modeller.ask(workflow, "calculate_weights").await?;
    modeller.sees("calculate_weights", "done").await?;
    browser.until("document.querySelector('#asset-weights')").await?;
    browser.click("#asset-weights a[aria-label^=View]").await?;
    browser.until("document.body.innerText.includes('stays constant in the atmosphere')").await?;
    browser.until("document.querySelectorAll('.checks .good').length >= 4").await?;
    browser.until(MAPS_ARE_DRAWN).await.context("the maps of the result")?;

    // The archive as the browser saves it.
    let client = modeller.client().await?;
    let address = format!("{site}/{workflow}/weights/download");
    let response = client.get(address).header("Accept-Encoding", "gzip").send().await?.error_for_status()?;
    ensure!(response.headers()["content-type"] == "application/gzip", "{:?}", response.headers());
    let encoding = response.headers().get("content-encoding").cloned();
    ensure!(encoding.is_none_or(|encoding| encoding == "identity"), "it would be unpacked on the way");
    let archive = response.bytes().await?;
    let files = unpacked(&archive)?;
    let cpl = "IGCM/CPL/IPSLCM5A2/PALEORCA2.PlanetxLMD9695";
    for name in ["grids.nc", "areas.nc", "masks.nc", "run.def"] {
        ensure!(files.contains_key(&format!("{cpl}/{name}")), "no {name} among {:?}", files.keys());
    }
    let means = format!("{cpl}/rmp_torc_to_tlmd_MOSAIC.nc");
    let mut sums = BTreeMap::<u64, f64>::new();
    let (to, weights) = (numbers(&files, &means, "dst_address")?, numbers(&files, &means, "remap_matrix")?);
    for (to, weight) in to.iter().zip(&weights) {
        *sums.entry(*to as u64).or_default() += weight;
    }
    ensure!(
        sums.len() > 1000 && sums.values().all(|sum| (sum - 1.0).abs() < 1e-12),
        "sums of weights are not 1"
    );
    let fraction = numbers(&files, "IGCM/ATM/START/PALEORCA2.PlanetxLMD9695/o2a.nc", "OceMask")?;
    ensure!(fraction.iter().all(|part| (0.0..=1.0001).contains(part)), "a fraction is none");
    ensure!(fraction.iter().any(|part| *part > 0.01 && *part < 0.99), "there is no coast");

    // The command line computes the same from the same files, and says so.
    let inputs = platform.folder().join("inputs");
    std::fs::create_dir_all(&inputs)?;
    for name in ["bathy", "sub_basins", "coords"] {
        let file =
            client.get(format!("{site}/{workflow}/{name}/download")).send().await?.error_for_status()?;
        std::fs::write(inputs.join(format!("{name}.nc")), file.bytes().await?)?;
    }
    let input = |name: &str| inputs.join(format!("{name}.nc"));
    let (bathy, basins, coordinates) = (input("bathy"), input("sub_basins"), input("coords"));
    let downloaded = platform.folder().join("weights.tar.gz");
    std::fs::write(&downloaded, &archive)?;
    let compute = |out: &Path, more: &[&str]| {
        let from = ["weights", "--bathy", text(&bathy)?, "--coordinates", text(&coordinates)?];
        let rest = ["--subbasins", text(&basins)?, "--name", "Planet", "--out", text(out)?];
        climsim(&[&from[..], &rest[..], more].concat())
    };
    let out = platform.folder().join("computed");
    let said = compute(&out, &[])?;
    ensure!(said.contains("links") && said.contains("drain nowhere"), "{said}");
    let compared = climsim(&["weights-compare", text(&downloaded)?, text(&out)?, "--values-only"])?;
    ensure!(compared.contains("files agree within"), "{compared}");
    // And tells what is not the same.
    let legacy = platform.folder().join("legacy");
    compute(&legacy, &["--legacy"])?;
    let differs = Command::new(binary("climsim")).arg("weights-compare").args([&out, &legacy]).output()?;
    let said = String::from_utf8_lossy(&differs.stdout);
    ensure!(!differs.status.success() && said.contains("remap_matrix"), "{said}");

    // Another target model and another run-off: the page shows what changed.
    browser.open(&format!("{site}/{workflow}/calculate_weights")).await?;
    browser.click("input[value=mosaix]").await?;
    browser.click("details.configuration summary").await?;
    browser.click("#inland_runoff option[value=nearest-coast]").await?;
    browser.click("main form button.primary").await?;
    browser.until("document.querySelector('#asset-weights')?.innerText.includes('2')").await?;
    modeller.sees("calculate_weights", "done").await?;
    browser.open(&format!("{site}/{workflow}/weights/view")).await?;
    browser.until("document.body.innerText.includes('144 x 143')").await?;
    browser.until("document.body.innerText.includes('was 96x95')").await?;
    browser.until("/All \\d+.* land cells drain to the ocean/.test(document.body.innerText)").await?;
    browser.close().await?;
    platform.done();
    Ok(())
}

#[tokio::test]
async fn weights_that_cannot_be_computed_say_why_on_the_page() -> Result<()> {
    let platform = Platform::start()?;
    let site = platform.address();
    let browser = Browser::start(420, 900).await?;
    let modeller = Modeller { browser: &browser, site };
    modeller.register_and_log_in("wegener").await?;
    let raw = planet_file(platform.folder(), "raw.nc")?;
    let workflow = modeller.upload(&raw, &[]).await?;
    browser.open(&format!("{site}/{workflow}/calculate_weights")).await?;
    browser.until("document.body.innerText.includes('Run the routing')").await?;
    browser.until("document.querySelector('main form button.primary').disabled").await?;
    browser.until("document.documentElement.scrollWidth <= window.innerWidth").await?;
    modeller.ask(workflow, "routing").await?;
    modeller.sees("routing", "done").await?;
    modeller.ask(workflow, "sub_basins").await?;
    modeller.sees("subbasins", "done").await?;
    browser.open(&format!("{site}/{workflow}/calculate_weights")).await?;
    browser.type_into("#file", text(&raw)?).await?;
    browser.click("main form button.primary").await?;
    browser.until("document.body.innerText.includes('holds no full C grid')").await?;
    browser.until("document.documentElement.scrollWidth <= window.innerWidth").await?;
    browser.close().await?;
    platform.done();
    Ok(())
}
