//! The weights against the reference case.

mod support;

use coupling::outlines::Outlines;
use coupling::{Atmosphere, AtmosphereSize, Fluxes, Input, Links, Mode, Ocean};
use dataset::Dataset;
use support::{read, reference};

fn integers(file: &Dataset, name: &str) -> Vec<i64> {
    let values = file.variable(name).and_then(|v| v.values.to_f64()).expect("an address");
    values.iter().map(|&value| value as i64).collect()
}

fn assert_same_links(links: &Links, file: &Dataset, tolerance: f64) {
    let (dst, src) = (integers(file, "dst_address"), integers(file, "src_address"));
    let weights = file.variable("remap_matrix").and_then(|v| v.values.to_f64()).expect("weights");
    assert_eq!(links.len(), dst.len(), "number of links");
    let mut worst = (0.0, 0);
    for (k, ((d, s, w), theirs)) in links.iter().zip(&weights).enumerate() {
        assert_eq!((d as i64 + 1, i64::from(s) + 1), (dst[k], src[k]), "link {k}");
        // One overlap of 2e-8 of a cell is exact to 2e-20 of the cell, which is 1.3e-12 of the overlap.
        if (w - theirs).abs() < 1e-19 {
            continue;
        }
        let relative = (w - theirs).abs() / w.abs().max(theirs.abs());
        if relative > worst.0 {
            worst = (relative, k);
        }
    }
    eprintln!("worst weight: {:e} relative at link {}", worst.0, worst.1);
    assert!(worst.0 <= tolerance, "{:e} relative at link {}", worst.0, worst.1);
}

#[test]
fn the_links_are_the_originals() {
    let Some(root) = reference() else { return };
    let file = |name: &str| read(&root.join("inputs").join(name));
    let input = Input::read(&file("coordinates.nc"), &file("bathy_meter.nc"), &file("subbasins.nc")).unwrap();
    let folder = root.join("IGCM/CPL/IPSLCM5A2/PALEORCA2.devxLMD9695");
    for (mode, tolerance) in [(Mode::Legacy, 1e-12), (Mode::Corrected, 5e-7)] {
        let ocean = Ocean::new(&input.grid, &input.bathymetry_m, &input.basins, mode).unwrap();
        let atmosphere = Atmosphere::new(AtmosphereSize::LMDZ_96X95);
        let start = std::time::Instant::now();
        let outlines = Outlines::new(&ocean, (-181.875, 178.125));
        let fluxes = Fluxes::new(&ocean, &atmosphere, &outlines);
        eprintln!("{:?}", start.elapsed());
        assert_same_links(&fluxes.to_atmosphere, &read(&folder.join("rmp_torc_to_tlmd_MOSAIC.nc")), 1e-12);
        assert_same_links(&fluxes.to_ocean, &read(&folder.join("rmp_tlmd_to_torc_MOSAIC.nc")), tolerance);
    }
}
