//! What holds on any grid pair, whatever the continents. Inputs are made here: nothing but a clone is needed.

mod support;

use coupling::files::run_def::run_def;
use coupling::runoff::Served;
use coupling::{AtmosphereSize, Geometry, InlandRunoff, Mode, Options, Outcome, Sources};
use dataset::Dataset;
use grid::{Fold, Overlap};
use support::made::{Files, array, f_pivot, regular, t_pivot, without_halo};

/// Conservation and row sums: some roundings.
const ROUNDING: f64 = 1e-13;

fn grids() -> Vec<(&'static str, Dataset)> {
    vec![
        ("F pivot", f_pivot(62, 51)),
        ("T pivot", t_pivot(62, 51)),
        ("without halo", without_halo(62, 51)),
        ("regular", regular(90, 45, Overlap::None)),
        ("regular, two columns repeated", regular(60, 40, Overlap::TwoColumns)),
    ]
}

fn small(size: &str) -> Options {
    Options { atmosphere: size.parse().expect("a size"), ..Options::default() }
}

fn run(files: &Files, options: &Options) -> Outcome {
    let input = files.read().expect("good inputs");
    coupling::run(&input, options, &mut |_| {}).expect("a result")
}

/// Every combination of grid, atmosphere and edges of cells.
fn each(check: impl Fn(&str, &Outcome)) {
    for (name, coordinates) in grids() {
        let files = Files::planet(coordinates);
        for (size, geometry) in
            [("32x24", Geometry::Legacy), ("33x25", Geometry::Spherical), ("72x46", Geometry::Legacy)]
        {
            let outcome = run(&files, &Options { geometry, ..small(size) });
            check(&format!("{name}, LMDZ {size}, {geometry:?}"), &outcome);
        }
    }
}

#[test]
fn a_constant_stays_constant_on_the_atmosphere() {
    each(|name, outcome| {
        let sums = outcome.figures.to_atmosphere.row_sums;
        assert!((sums.min - 1.0).abs() < ROUNDING && (sums.max - 1.0).abs() < ROUNDING, "{name}: {sums:?}");
    });
}

#[test]
fn every_source_is_conserved() {
    each(|name, outcome| {
        let figures = &outcome.figures;
        assert!(figures.to_ocean.conservation < ROUNDING, "{name}: {}", figures.to_ocean.conservation);
        assert!(figures.runoff.conservation < ROUNDING, "{name}: {}", figures.runoff.conservation);
        assert!(figures.calving.conservation < ROUNDING, "{name}: {}", figures.calving.conservation);
        assert_eq!(figures.runoff.coast_lost, 0, "{name}");
    });
}

#[test]
fn fractions_are_fractions() {
    each(|name, outcome| {
        let worst =
            outcome.fluxes.fraction.iter().fold((1.0_f64, 0.0_f64), |w, f| (w.0.min(*f), w.1.max(*f)));
        assert!(worst.0 >= 0.0 && worst.1 < 1.0 + 1e-9, "{name}: {worst:?}");
        // No sea is left out, and none counted twice.
        let (cells, seen) = (outcome.figures.ocean.area_m2, outcome.figures.ocean.area_seen_m2);
        assert!((seen / cells - 1.0).abs() < 0.02, "{name}: {seen} of {cells}");
    });
}

#[test]
fn all_sea_is_served_and_repeated_cells_like_those_they_repeat() {
    each(|name, outcome| {
        assert_eq!(outcome.figures.ocean.uncovered_sea_cells, 0, "{name}");
        let fluxes = &outcome.fluxes;
        let sources = coupling::fold::sources(outcome.ocean.shape(), outcome.ocean.topology);
        for (o, &source) in sources.iter().enumerate() {
            assert!(fluxes.to_ocean.row(o).eq(fluxes.to_ocean.row(source)), "{name}: cell {o}");
            assert_eq!(outcome.calving.row(o), outcome.calving.row(source), "{name}: cell {o}");
        }
        let repeated = outcome.figures.ocean.repeated_sea_cells > 0;
        assert_eq!(repeated, outcome.ocean.topology.overlap == Overlap::TwoColumns, "{name}");
    });
}

#[test]
fn where_all_is_sea_cells_of_the_atmosphere_are_full() {
    for (name, coordinates) in grids() {
        let files = Files::with_depths(coordinates, |_, lat| if lat < -70.0 { -100.0 } else { 4000.0 });
        for geometry in [Geometry::Legacy, Geometry::Spherical] {
            let outcome = run(&files, &Options { geometry, ..small("32x24") });
            let grid = &outcome.atmosphere;
            for (a, &fraction) in outcome.fluxes.fraction.iter().enumerate() {
                if grid.lat_deg[a / grid.size.columns] > -50.0 {
                    assert!((fraction - 1.0).abs() < 1e-9, "{name} {geometry:?}: {fraction} of cell {a}");
                }
            }
        }
    }
}

#[test]
fn the_same_grid_on_both_sides_gives_the_identity() {
    // Cells between the poles are those of LMDZ 24x20.
    let mut coordinates = regular(24, 20, Overlap::None);
    for variable in &mut coordinates.variables {
        if let dataset::Values::F64(values) = &mut variable.values {
            if variable.name.starts_with("glam") {
                values.mapv_inplace(|lon| lon - 7.5);
            } else if variable.name.starts_with("gphi") {
                values.mapv_inplace(|lat| lat - 4.5);
            }
        }
    }
    let files = Files::with_depths(coordinates, |_, lat| if lat < -60.0 { -100.0 } else { 4000.0 });
    for geometry in [Geometry::Legacy, Geometry::Spherical] {
        let outcome = run(&files, &Options { geometry, ..small("24x20") });
        for a in 24..24 * 16 {
            let largest = outcome.fluxes.to_atmosphere.row(a).max_by(|x, y| x.1.total_cmp(&y.1));
            let (ocean, weight) = largest.expect("sea");
            assert_eq!((ocean / 24, ocean % 24), (20 - a as u32 / 24, a as u32 % 24), "{geometry:?}");
            assert!((weight - 1.0).abs() < 1e-8, "{geometry:?}: {weight}");
        }
    }
}

#[test]
fn turning_both_grids_together_changes_nothing() {
    let turned = |degrees: f64| {
        let mut coordinates = f_pivot(62, 51);
        for variable in coordinates.variables.iter_mut().filter(|v| v.name.starts_with("glam")) {
            if let dataset::Values::F64(lon) = &mut variable.values {
                lon.mapv_inplace(|lon| grid::sphere::wrap_longitude(lon + degrees));
            }
        }
        let depth = |lon: f64, lat: f64| {
            if lat < -66.0 || (lon - degrees).to_radians().sin() > 0.7 { -1.0 } else { 1000.0 }
        };
        Files::with_depths(coordinates, depth)
    };
    for geometry in [Geometry::Legacy, Geometry::Spherical] {
        let of = |degrees| run(&turned(degrees), &Options { geometry, ..small("32x24") });
        // Three columns of the atmosphere.
        let (here, there) = (of(0.0), of(33.75));
        for a in 32..24 * 32 {
            let b = a / 32 * 32 + (a % 32 + 3) % 32;
            let (ours, theirs) = (here.fluxes.to_atmosphere.row(a), there.fluxes.to_atmosphere.row(b));
            assert_eq!(ours.clone().count(), theirs.clone().count(), "{geometry:?} cell {a}");
            for ((o, weight), (other, turned)) in ours.zip(theirs) {
                assert!(
                    o == other && (weight - turned).abs() < 1e-11,
                    "{geometry:?} cell {a}: {weight} {turned}"
                );
            }
        }
    }
}

/// A grid with and one without its repeated cells are the same ocean.
#[test]
fn repeated_cells_change_nothing() {
    let with = run(&Files::planet(f_pivot(62, 51)), &small("32x24"));
    let without = run(&Files::planet(without_halo(62, 51)), &small("32x24"));
    assert_eq!(with.figures.ocean.sea_cells, without.figures.ocean.sea_cells);
    assert_eq!(without.figures.ocean.repeated_sea_cells, 0);
    for (a, b) in with.fluxes.fraction.iter().zip(&without.fluxes.fraction) {
        assert!((a - b).abs() < 1e-11, "{a} {b}");
    }
    let (a, b) = (&with.figures.runoff, &without.figures.runoff);
    assert_eq!((a.links, a.land_lost, a.receivers), (b.links, b.land_lost, b.receivers));
    assert_eq!(with.ocean.enclosed_sea_cells(), without.ocean.enclosed_sea_cells());
}

#[test]
fn both_kinds_of_edges_agree_on_fine_cells() {
    let files = Files::planet(f_pivot(182, 149));
    let of = |geometry| run(&files, &Options { geometry, ..Options::default() });
    let (plane, sphere) = (of(Geometry::Legacy), of(Geometry::Spherical));
    let pairs = plane.fluxes.fraction.iter().zip(&sphere.fluxes.fraction);
    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst > 0.0 && worst < 1e-4, "{worst}");
}

#[test]
fn run_off_goes_where_the_option_says() {
    let files = Files::planet(f_pivot(62, 51));
    let with =
        |inland_runoff| run(&files, &Options { inland_runoff, runoff_reach_m: 700_000.0, ..small("72x46") });
    let (drop, nearest, spread) =
        (with(InlandRunoff::Drop), with(InlandRunoff::NearestCoast), with(InlandRunoff::Spread));
    let lost = drop.figures.runoff.land_lost;
    assert!(lost > 0 && lost < drop.figures.runoff.land_sources);
    assert!(
        drop.findings
            .iter()
            .any(|f| f.code == "land-without-outlet" && f.message.contains(&lost.to_string()))
    );
    assert_eq!(spread.figures.runoff.land_lost, lost, "spreading reaches no farther");
    assert!(spread.figures.runoff.links > drop.figures.runoff.links);
    assert_eq!(nearest.figures.runoff.land_lost, 0);
    assert!(!nearest.findings.iter().any(|f| f.code == "land-without-outlet"));
    for outcome in [&drop, &nearest, &spread] {
        assert!(outcome.figures.runoff.conservation < ROUNDING);
    }
    // Slow but obvious: the nearest coastal cell of every land cell.
    let (lon, lat) = (array(&files.coordinates, "glamt"), array(&files.coordinates, "gphit"));
    let distance = |a: usize, at: (usize, usize)| {
        let (grid, columns) = (&nearest.atmosphere, nearest.atmosphere.size.columns);
        grid::sphere::distance_m((grid.lon_deg[a % columns], grid.lat_deg[a / columns]), (lon[at], lat[at]))
    };
    let coast: Vec<(usize, usize)> =
        nearest.runoff.coastal.indexed_iter().filter(|(_, coast)| **coast).map(|(at, _)| at).collect();
    let mut checked = 0;
    for (o, a, _) in nearest.runoff.links.iter() {
        let a = a as usize;
        if nearest.runoff.served[a] == Served::Nearest {
            let here = distance(a, (o / 62, o % 62));
            let least = coast.iter().map(|&at| distance(a, at)).fold(f64::INFINITY, f64::min);
            assert!(here <= least + 1e-3, "{here} against {least}");
            checked += 1;
        }
    }
    assert!(checked > lost);
}

#[test]
fn closed_seas_receive_calving_unless_told_not_to() {
    let files = Files::planet(f_pivot(62, 51));
    let with = |calving_nomed, mode| run(&files, &Options { calving_nomed, mode, ..small("32x24") });
    let (all, open) = (with(true, Mode::Corrected), with(false, Mode::Corrected));
    let cells = |outcome: &Outcome| outcome.figures.calving.bands.iter().map(|b| b.cells).sum::<usize>();
    let enclosed = all.ocean.enclosed_sea_cells();
    assert!(enclosed > 0);
    assert_eq!(cells(&all) - cells(&open), enclosed);
    assert!(open.figures.calving.conservation < ROUNDING);
    assert_eq!(cells(&with(false, Mode::Legacy)), cells(&all), "the original's masks are the same");
    assert!(all.findings.iter().any(|f| f.code == "enclosed-seas"));
}

/// A file that may stand for any of the inputs in an archive.
fn stored(files: &Files, folder: &std::path::Path) -> std::path::PathBuf {
    let path = folder.join("input.nc");
    dataset::write(&files.coordinates, &path).expect("an input");
    path
}

#[test]
fn the_archive_is_the_same_for_any_number_of_threads() {
    let files = Files::planet(f_pivot(62, 51));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = stored(&files, folder.path());
    let sources = Sources { coordinates: &path, bathymetry: &path, basins: &path };
    let archive = |threads, geometry| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let outcome = run(&files, &Options { geometry, ..small("72x46") });
            let mut bytes = Vec::new();
            outcome.write_archive(&sources, &mut bytes, &mut |_| {}).expect("an archive");
            bytes
        })
    };
    for geometry in [Geometry::Legacy, Geometry::Spherical] {
        let one = archive(1, geometry);
        assert!(one == archive(2, geometry) && one == archive(5, geometry), "{geometry:?}");
    }
}

/// A disk with so much room.
struct Disk {
    room: usize,
}

impl std::io::Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = bytes.len().min(self.room);
        self.room -= taken;
        if taken == 0 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Wherever in the archive the disk is full, that is what the error says, in a way that a program understands.
#[test]
fn a_disk_that_fills_up_is_the_cause_of_the_error() {
    let files = Files::planet(f_pivot(42, 35));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = stored(&files, folder.path());
    let sources = Sources { coordinates: &path, bathymetry: &path, basins: &path };
    let outcome = run(&files, &small("32x24"));
    let mut whole = Vec::new();
    outcome.write_archive(&sources, &mut whole, &mut |_| {}).expect("an archive");
    for room in [0, 1, whole.len() / 3, whole.len() - 1] {
        let error = outcome.write_archive(&sources, Disk { room }, &mut |_| {}).expect_err("no room");
        let error: &(dyn std::error::Error + 'static) = &error;
        let causes = std::iter::successors(Some(error), |error| error.source());
        let mut kinds =
            causes.filter_map(|error| error.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
        assert!(
            kinds.any(|kind| kind == std::io::ErrorKind::StorageFull),
            "{room} of {} bytes: {error:?}",
            whole.len()
        );
    }
    outcome.write_archive(&sources, Disk { room: whole.len() }, &mut |_| {}).expect("room enough");
}

#[test]
fn folder_and_archive_hold_the_same_tree() {
    let files = Files::planet(f_pivot(62, 51));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = stored(&files, folder.path());
    let sources = Sources { coordinates: &path, bathymetry: &path, basins: &path };
    let outcome = run(&files, &Options { name: "test".to_owned(), ..small("144x142") });
    let tree = folder.path().join("tree");
    outcome.write_tree(&sources, &tree, &mut |_| {}).expect("a tree");
    let (mut bytes, mut told) = (Vec::new(), Vec::new());
    outcome.write_archive(&sources, &mut bytes, &mut |path| told.push(path.to_owned())).expect("an archive");

    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
    let mut paths = Vec::new();
    for entry in archive.entries().expect("entries") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").to_string_lossy().into_owned();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).expect("a file");
        assert!(content == std::fs::read(tree.join(&path)).expect("the same file"), "{path}");
        paths.push(path);
    }
    assert_eq!(paths, told);
    assert_eq!(paths[..2], ["maps.nc", "README.txt"]);
    let expected = "IGCM/CPL/IPSLCM6/PALEORCA2.testxLMD144142/rmp_torc_to_tlmd_MOSAIC.nc";
    assert!(paths.iter().any(|path| path == expected), "{paths:?}");
    let inputs = ["coordinates.nc", "bathy_meter.nc", "subbasins.nc"];
    assert!(inputs.iter().all(|name| paths.contains(&format!("DOMSK/PALEORCA2.test/{name}"))));
    let coupler = dataset::read(tree.join("IGCM/CPL/IPSLCM6/PALEORCA2.testxLMD144142/masks.nc"));
    let coupler = coupler.expect("a file");
    assert_eq!(coupler.attributes.text("Model"), Some("LMDZ 144x143"));
    assert_eq!(coupler.dimension("jpja").map(|d| d.len), Some(143));
}

/// The masks of the coupler leave out what is repeated, also of a fold at T points, and the first row.
#[test]
fn the_coupler_sees_every_cell_once() {
    for (name, coordinates) in grids() {
        let outcome = run(&Files::planet(coordinates), &small("32x24"));
        let masks = coupling::files::coupler::masks(&outcome);
        let land = array(&masks, "torc.msk");
        let unique = outcome.fluxes.unique_sea.mapv(|sea| if sea { 0.0 } else { 1.0 });
        assert_eq!(land, unique, "{name}");
        assert_eq!(array(&masks, "oint.msk"), land, "{name}");
        if outcome.ocean.topology.fold == Fold::TPivot {
            assert!(land.row(land.nrows() - 2).iter().skip(32).all(|&land| land == 1.0));
        }
    }
}

#[test]
fn lmdz_of_ipsl_cm6_works_out_of_the_box() {
    let files = Files::planet(f_pivot(182, 149));
    let outcome = run(&files, &Options { atmosphere: AtmosphereSize::LMDZ_144X142, ..Options::default() });
    let figures = &outcome.figures;
    assert_eq!((figures.atmosphere.columns, figures.atmosphere.rows), (144, 143));
    assert!(figures.to_ocean.conservation < ROUNDING);
    assert!((figures.ocean.area_seen_m2 / figures.ocean.area_m2 - 1.0).abs() < 2e-3);
    assert_eq!(figures.ocean.uncovered_sea_cells, 0);
}

#[test]
fn the_parameters_say_what_was_chosen() {
    let files = Files::planet(t_pivot(42, 35));
    let lines = |options: Options| -> Vec<String> {
        let outcome = run(&files, &options);
        run_def(&outcome, true).lines().map(str::to_owned).collect()
    };
    let legacy = || Options { mode: Mode::Legacy, ..small("24x18") };
    let plain = lines(legacy());
    for expected in
        ["jpi = 42", "jpj = 35", "nperio = 4", "noperio = 4", "jpai = 24", "jpaj = 18", "dist_max = 400000.0"]
    {
        assert!(plain.iter().any(|line| line == expected), "{expected}");
    }
    let chosen = |options: Options| -> Vec<String> {
        let counted = |line: &&String| !line.starts_with("jma2o") && !line.starts_with("jmo2a");
        lines(options).iter().filter(counted).filter(|line| !plain.contains(line)).cloned().collect()
    };
    let runoff = |inland_runoff| Options { inland_runoff, ..legacy() };
    assert_eq!(chosen(runoff(InlandRunoff::Spread)), ["ltotal_dist = n"]);
    assert_eq!(chosen(runoff(InlandRunoff::NearestCoast)), ["dist_max = 20100000.0"]);
    assert_eq!(
        chosen(Options { calving_nomed: false, calving_nopac: true, calving_noatl: true, ..legacy() }),
        ["l_calving_nopac = y", "l_calving_noatl = y", "l_calving_nomed = n"]
    );
    assert_eq!(
        chosen(Options { calving_limits_deg: vec![-90.0, 0.5, 90.0], ..legacy() }),
        ["jp_calv = 2", "ylimits = -90.0, 0.5, 90.0"]
    );
    assert_eq!(chosen(small("24x18")), ["mode = corrected"]);
    assert_eq!(
        chosen(Options { geometry: Geometry::Spherical, ..small("24x18") }),
        ["mode = corrected", "geometry = spherical"]
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]

    /// Any sea at all, scattered or solid: everything that gives is conserved, and every number is a number.
    #[test]
    fn any_map_of_land_and_sea_conserves(
        seed in proptest::prelude::any::<u64>(),
        share in 0.02..0.98_f64,
        grid in 0..3_usize,
        spherical in proptest::prelude::any::<bool>(),
        nearest in proptest::prelude::any::<bool>(),
    ) {
        static GRIDS: std::sync::OnceLock<[Dataset; 3]> = std::sync::OnceLock::new();
        let grids = GRIDS.get_or_init(|| {
            [f_pivot(42, 35), t_pivot(42, 35), regular(36, 20, Overlap::None)]
        });
        // The same place is the same sea wherever it is repeated.
        let noise = |lon: f64, lat: f64| {
            let place = grid::sphere::Vector::from_degrees((lon, lat));
            let key = [place.x, place.y, place.z].map(|x| (x * 1e6).round() as i64 as u64);
            let hash = key.iter().fold(seed | 1, |hash, part| {
                (hash ^ part).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
            });
            (hash.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 11) as f64 / (1_u64 << 53) as f64
        };
        let depth = |lon: f64, lat: f64| if lat > -75.0 && noise(lon, lat) < share { 3000.0 } else { -10.0 };
        let files = Files::with_depths(grids[grid].clone(), depth);
        let options = Options {
            geometry: if spherical { Geometry::Spherical } else { Geometry::Legacy },
            inland_runoff: if nearest { InlandRunoff::NearestCoast } else { InlandRunoff::Drop },
            ..small("24x18")
        };
        let outcome = run(&files, &options);
        let figures = &outcome.figures;
        for (what, off) in [
            ("fluxes", figures.to_ocean.conservation),
            ("run-off", figures.runoff.conservation),
            ("calving", figures.calving.conservation),
            ("row sums", figures.to_atmosphere.row_sums.max - 1.0),
            ("row sums", 1.0 - figures.to_atmosphere.row_sums.min),
        ] {
            proptest::prop_assert!(off < ROUNDING, "{what}: {off:e}");
        }
        let matrices = [
            &outcome.fluxes.to_atmosphere,
            &outcome.fluxes.to_ocean,
            &outcome.runoff.links,
            &outcome.calving.links(),
        ];
        for links in matrices {
            proptest::prop_assert!(links.weights().iter().all(|w| w.is_finite() && *w >= 0.0));
        }
        proptest::prop_assert_eq!(figures.ocean.uncovered_sea_cells, 0);
        proptest::prop_assert_eq!(figures.runoff.coast_lost, 0);
        proptest::prop_assert!(!nearest || figures.runoff.land_lost == 0);
    }
}
