//! The files of the ocean grid against the reference case.

mod support;

use coupling::files::domsk;
use coupling::{Input, Mode, Ocean, Options};
use support::{Within, assert_agrees, read, reference};

#[test]
fn the_ocean_files_are_the_originals() {
    let Some(root) = reference() else { return };
    let file = |name: &str| read(&root.join("inputs").join(name));
    let input = Input::read(&file("coordinates.nc"), &file("bathy_meter.nc"), &file("subbasins.nc")).unwrap();
    assert_eq!(input.findings, []);
    let ocean = Ocean::new(&input.grid, &input.bathymetry_m, &input.basins, Mode::Legacy).unwrap();
    let options = Options { mode: Mode::Legacy, ..Options::default() };

    let folder = root.join("DOMSK/PALEORCA2.dev");
    let named = |end: &str| folder.join(format!("PALEORCA2.dev.{end}"));
    let computed: Vec<(&str, Within)> = [
        "nav_lev", "gdept", "gdepw", "e3t_0", "e3w_0", "e3t", "e3w", "e3t_ps", "e3w_ps", "ff", "bt", "bu",
        "bv", "bf",
    ]
    .into_iter()
    .map(|name| (name, Within::Relative(1e-11)))
    .chain(["gcosu", "gsinu", "gcosv", "gsinv"].map(|name| (name, Within::Absolute(1e-12))))
    .collect();
    assert_agrees(&domsk::mesh_mask(&ocean, &options), &named("nc"), &computed);
    assert_agrees(&domsk::grids(&ocean, &options), &named("grids.nc"), &[]);
    assert_agrees(&domsk::masks_file(&ocean, &options), &named("masks.nc"), &[]);
    assert_agrees(&domsk::areas(&ocean, &options), &named("areas.nc"), &[]);
    assert_agrees(&domsk::fracs(&ocean, &options), &named("fracs.nc"), &[]);
    let single = [
        ("depth", Within::Relative(1.2e-7)),
        ("bounds_depth", Within::Relative(1.2e-7)),
        ("VOL", Within::Relative(1.2e-7)),
    ];
    let full = domsk::for_plots(&ocean, &options, false);
    assert_agrees(&full, &folder.join("PALEORCA2.full_maskareabathy.nc"), &single);
    let cf = domsk::for_plots(&ocean, &options, true);
    assert_agrees(&cf, &folder.join("IPSL.PALEORCA2_gridCF.nc"), &single);
    let i4 = std::fs::read(named("masks.i4")).unwrap();
    assert_eq!(domsk::masks_i4(&ocean), i4);
}
