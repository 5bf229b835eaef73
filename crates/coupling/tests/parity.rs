//! The whole chain against one complete run of the original, file by file and header by header.
//!
//! What can be exact is exact: masks, levels, positions, areas, addresses. Overlaps agree to 1e-12, and what is computed with
//! logarithms and tangents to some rounding.

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use coupling::compare::compare;
use coupling::files::coupler;
use coupling::files::rmp::{Matrix, rmp};
use coupling::{Content, Geometry, InlandRunoff, Mode, Options, Outcome};
use dataset::Dataset;
use support::{Within, agrees, disagreements, input, read, reference};

fn outcome(root: &Path, options: Options) -> Outcome {
    coupling::run(&input(root), &options, &mut |_| {}).expect("the reference case has no errors")
}

fn legacy() -> Options {
    Options { mode: Mode::Legacy, ..Options::default() }
}

/// How far each variable of a file may be off.
fn tolerances(path: &str) -> Vec<(&'static str, Within)> {
    let all = |names: &[&'static str], within: Within| names.iter().map(|&n| (n, within)).collect::<Vec<_>>();
    match path.rsplit('/').next().unwrap_or(path) {
        "PALEORCA2.dev.nc" => [
            all(
                &[
                    "nav_lev", "gdept", "gdepw", "e3t_0", "e3w_0", "e3t", "e3w", "e3t_ps", "e3w_ps", "ff",
                    "bt", "bu", "bv", "bf",
                ],
                Within::Relative(1e-11),
            ),
            all(&["gcosu", "gsinu", "gcosv", "gsinv"], Within::Absolute(1e-12)),
        ]
        .concat(),
        // Single precision of what is right to 1e-11.
        "PALEORCA2.full_maskareabathy.nc" | "IPSL.PALEORCA2_gridCF.nc" => {
            all(&["depth", "bounds_depth", "VOL"], Within::Relative(1.2e-7))
        }
        "o2a.nc" => all(&["OceMask", "Weights_Max1", "Weights_Sum1"], Within::Relative(6e-8)),
        "areas.nc" => all(&["afra.srf"], Within::Relative(1.2e-7)),
        // An overlap of 2e-8 of a cell is exact to 2e-20 of the cell, which is 1.3e-12 of the overlap.
        name if name.starts_with("rmp_") => [
            all(&["remap_matrix"], Within::RelativeAnd(1e-12, 1e-19)),
            all(&["src_grid_frac"], Within::Relative(1.2e-7)),
        ]
        .concat(),
        _ => Vec::new(),
    }
}

#[test]
fn every_delivered_file_is_the_originals() {
    let Some(root) = reference() else { return };
    let outcome = outcome(&root, legacy());
    let codes: Vec<&str> = outcome.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["enclosed-seas", "land-without-outlet", "calving-outside-bands"]);
    let (mut delivered, mut wrong) = (BTreeSet::new(), Vec::new());
    for product in outcome.products() {
        let theirs = root.join(&product.path);
        if !theirs.exists() {
            assert!(["maps.nc", "README.txt"].contains(&product.path.as_str()), "{}", product.path);
            continue;
        }
        match product.content() {
            Content::Dataset(ours) => {
                wrong.extend(disagreements(&ours, &theirs, &tolerances(&product.path)));
            }
            Content::Bytes(ours) => {
                let theirs = std::fs::read(&theirs).expect("the reference file is readable");
                assert!(ours == theirs, "{}: {}", product.path, String::from_utf8_lossy(&ours));
            }
        }
        delivered.insert(product.path);
    }
    assert_eq!(wrong, Vec::<String>::new());
    let mut originals = BTreeSet::new();
    for folder in ["DOMSK", "IGCM"] {
        files_below(&root.join(folder), folder, &mut originals);
    }
    assert_eq!(delivered, originals, "files of the original");
}

fn files_below(folder: &Path, name: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("the reference case is readable") {
        let entry = entry.expect("the reference case is readable");
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files_below(&entry.path(), &name, found);
        } else {
            found.insert(name);
        }
    }
}

#[test]
fn fractions_are_the_originals() {
    let Some(root) = reference() else { return };
    let outcome = outcome(&root, legacy());
    let single = ["afra.fra", "tlmd.fra"].map(|name| (name, Within::Relative(1.2e-7)));
    assert_eq!(
        disagreements(&coupler::fracs(&outcome), &root.join("extra/fracs.nc"), &single),
        Vec::<String>::new()
    );
}

#[test]
fn the_variants_are_the_originals() {
    let Some(root) = reference() else { return };
    let variants = root.join("variants");
    let spread = outcome(&root, Options { inland_runoff: InlandRunoff::Spread, ..legacy() });
    let file = "rmp_tlmd_to_torc_MOSAIC_rivflu.spread.nc";
    assert_eq!(
        disagreements(&rmp(&spread, Matrix::Runoff), &variants.join(file), &tolerances(file)),
        Vec::<String>::new()
    );

    let calving = Options { calving_nomed: false, calving_noatl: true, calving_nopac: true, ..legacy() };
    let calving = outcome(&root, calving);
    let file = "rmp_tlmd_to_torc_MOSAIC_calvin_noatl_nopac.nc";
    assert_eq!(Matrix::Calving.name(&calving) + ".nc", file);
    assert_eq!(
        disagreements(&rmp(&calving, Matrix::Calving), &variants.join(file), &tolerances(file)),
        Vec::<String>::new()
    );
}

/// The corrected computation differs from the original's where its documentation says, and nowhere else.
#[test]
fn what_is_corrected_differs_and_nothing_else() {
    let Some(root) = reference() else { return };
    let outcome = outcome(&root, Options::default());
    let mut differ = BTreeSet::new();
    for product in outcome.products() {
        let theirs = root.join(&product.path);
        let file = product.path.rsplit('/').next().unwrap_or_default().to_owned();
        match product.content() {
            Content::Dataset(ours) if theirs.exists() => {
                let theirs = read(&theirs);
                let compared = compare(&ours, &theirs);
                let within = tolerances(&product.path);
                let header = (!compared.header.is_empty()).then(|| format!("{file} header"));
                let off = compared.variables.iter().filter(|v| !agrees(v, &within, &ours, &theirs));
                differ.extend(header.into_iter().chain(off.map(|v| format!("{file} {}", v.name))));
            }
            Content::Bytes(ours) if theirs.exists() => {
                let theirs = std::fs::read(&theirs).expect("the reference file is readable");
                differ.extend((ours != theirs).then_some(file));
            }
            _ => {}
        }
    }
    let mesh = "PALEORCA2.dev.nc";
    let fractions = "PALEORCA2.dev.fracs.nc";
    let to_ocean = "rmp_tlmd_to_torc_MOSAIC.nc";
    let calving = "rmp_tlmd_to_torc_MOSAIC_calvin.nc";
    let runoff = "rmp_tlmd_to_torc_MOSAIC_rivflu.nc";
    let to_atmosphere = "rmp_torc_to_tlmd_MOSAIC.nc";
    let mut documented: BTreeSet<String> = [
        // Q3: closed seas.
        (mesh, "mask_noclose"),
        // Q5: an index that is one.
        (mesh, "index_k"),
        // Q6: fractions of each point.
        (fractions, "oint.fra"),
        (fractions, "torc.fra"),
        (fractions, "uorc.fra"),
        (fractions, "vorc.fra"),
        // Q7: the right labels.
        ("IPSL.PALEORCA2_gridCF.nc", "MASK"),
        ("IPSL.PALEORCA2_gridCF.nc", "MASKDRAW"),
        // Q12: the south pole has as many sectors as columns.
        ("o2a.nc", "Surface"),
        // Q14: sums in double precision.
        (to_ocean, "remap_matrix"),
        // Q15: the row at the south pole gives its ice to the first band.
        (calving, "header"),
        (calving, "dst_address"),
        (calving, "src_address"),
        (calving, "remap_matrix"),
        // Q17, Q18: masks.
        (to_atmosphere, "dst_grid_imask"),
        (runoff, "src_grid_imask"),
        // Q20: variables that were never written.
        (mesh, "mask_t"),
        (mesh, "mask_fill_t"),
        (mesh, "middle_lat"),
        (mesh, "middle_lon"),
        ("o2a.nc", "MaskPer"),
        ("o2a.nc", "SurfacePol"),
    ]
    .map(|(file, what)| format!("{file} {what}"))
    .into();
    for (file, ocean) in [(to_ocean, "dst"), (calving, "dst"), (runoff, "dst"), (to_atmosphere, "src")] {
        // Q11, Q12: areas of the first ocean row and of the south pole; Q16: the fourth corner.
        documented.extend(["src_grid_area", "dst_grid_area"].map(|name| format!("{file} {name}")));
        documented
            .extend(["src_grid_corner_lat", "dst_grid_corner_lat"].map(|name| format!("{file} {name}")));
        documented.insert(format!("{file} {ocean}_grid_corner_lon"));
    }
    // Which says so.
    documented.insert("run.def".to_owned());
    assert_eq!(differ, documented);
}

#[test]
fn the_links_are_the_same_in_both_computations() {
    let Some(root) = reference() else { return };
    let (ours, theirs) = (outcome(&root, Options::default()), outcome(&root, legacy()));
    for matrix in [Matrix::ToAtmosphere, Matrix::ToOcean, Matrix::Runoff] {
        let (a, b) = (rmp(&ours, matrix), rmp(&theirs, matrix));
        for name in ["dst_address", "src_address"] {
            assert_eq!(values(&a, name), values(&b, name), "{name} of {matrix:?}");
        }
        let worst = values(&a, "remap_matrix")
            .iter()
            .zip(&values(&b, "remap_matrix"))
            .map(|(a, b)| (a / b - 1.0).abs())
            .fold(0.0, f64::max);
        let tolerance = if matrix == Matrix::ToOcean { 5e-7 } else { 1e-12 };
        assert!(worst < tolerance, "{matrix:?}: {worst}");
    }
}

/// Great circles in place of straight edges change overlaps by no more than an independent computation found: 2.3e-5 of a cell at most,
/// 4.6e-6 in the mean square, and no pair more or less. The polar cell apart, whose outline has more points on the sphere.
#[test]
fn great_circles_change_little() {
    let Some(root) = reference() else { return };
    let plane = outcome(&root, Options::default());
    let sphere = outcome(&root, Options { geometry: Geometry::Spherical, ..Options::default() });
    let overlaps = |outcome: &Outcome| -> Vec<((usize, u32), f64)> {
        let fluxes = &outcome.fluxes;
        fluxes.to_atmosphere.iter().map(|(a, o, weight)| ((a, o), weight * fluxes.fraction[a])).collect()
    };
    let (plane, sphere) = (overlaps(&plane), overlaps(&sphere));
    let pairs = |of: &[((usize, u32), f64)]| of.iter().map(|(pair, _)| *pair).collect::<Vec<_>>();
    assert!(pairs(&plane) == pairs(&sphere));
    let below_the_pole = plane.iter().zip(&sphere).filter(|(pair, _)| pair.0.0 >= 96);
    let off: Vec<f64> = below_the_pole.map(|(a, b)| (a.1 - b.1).abs()).collect();
    let worst = off.iter().copied().fold(0.0, f64::max);
    let rms = (off.iter().map(|d| d * d).sum::<f64>() / off.len() as f64).sqrt();
    assert!(worst < 2.35e-5 && rms < 4.8e-6 && rms > 4e-6, "{worst:e} at most, {rms:e} in the mean square");
}

fn values(file: &Dataset, name: &str) -> Vec<f64> {
    let values = file.variable(name).and_then(|v| v.values.to_f64()).expect("a variable of weights");
    values.iter().copied().collect()
}

/// The figures against those measured on the original's files by other means.
#[test]
fn the_figures_are_those_of_the_original() {
    let Some(root) = reference() else { return };
    let figures = outcome(&root, legacy()).figures;
    let near = |name: &str, ours: f64, theirs: f64, tolerance: f64| {
        assert!((ours - theirs).abs() <= tolerance * theirs.abs(), "{name}: {ours} against {theirs}");
    };
    eprintln!("{figures:#?}");
    assert_eq!((figures.to_atmosphere.links, figures.to_atmosphere.neighbours.max), (46_325, 19));
    assert_eq!(figures.to_atmosphere.receivers, 6_860);
    assert_eq!((figures.to_ocean.links, figures.to_ocean.neighbours.max), (45_935, 18));
    assert_eq!((figures.ocean.sea_cells, figures.ocean.repeated_sea_cells), (17_467, 204));
    let atmosphere = &figures.atmosphere;
    assert_eq!((atmosphere.land_cells, atmosphere.coast_cells, atmosphere.ocean_cells), (2356, 1460, 5400));
    near("ocean area", figures.ocean.area_m2, 373_897_130_531_145.3, 1e-12);
    near("area seen", figures.ocean.area_seen_m2, 373_908_538_343_240.25, 1e-7);
    near("smallest row sum", figures.to_ocean.row_sums.min, 0.9983355314953255, 1e-12);
    near("largest row sum", figures.to_ocean.row_sums.max, 1.002517470462092, 1e-12);
    let smooth = figures.to_atmosphere.smooth_field_conservation;
    near("field to the atmosphere", smooth, 2.973147087459438e-05, 1e-8);
    near("field to the ocean", figures.to_ocean.smooth_field_conservation, -2.765856987885229e-09, 1e-4);
    near("source by source", figures.to_ocean.conservation, 2.3841863616702597e-07, 1e-6);
    let runoff = &figures.runoff;
    assert_eq!((runoff.links, runoff.most_neighbours, runoff.receivers), (5_482, 11, 2_509));
    assert_eq!((runoff.coast_sources, runoff.coast_lost), (1_460, 0));
    assert_eq!((runoff.land_sources, runoff.land_sources - runoff.land_lost), (2_261, 634));
    near("land without outlet", runoff.lost_fraction(), 0.7065427843089854, 1e-3);
    assert!(runoff.conservation < 1e-14);
    let calving = &figures.calving;
    assert_eq!(calving.links, 697_646);
    assert_eq!(calving.bands.iter().map(|band| band.rows).collect::<Vec<_>>(), [18, 50, 27]);
    assert!(calving.conservation < 1e-13);
}
