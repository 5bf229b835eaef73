//! The slips of the original, one by one, by the numbers of the table in the crate's documentation: what the legacy computation keeps,
//! and what the corrected one writes instead.

mod support;

use std::sync::OnceLock;

use coupling::files::rmp::{Matrix, rmp};
use coupling::files::{coupler, domsk, o2a};
use coupling::fold::Point;
use coupling::{Mode, Options, Outcome};
use dataset::{Dataset, Values};
use grid::Overlap;
use ndarray::{Array2, ArrayD};
use support::made::{Files, array, f_pivot, regular};

const FILL_I32: f64 = -2_147_483_647.0;

fn run(files: &Files, mode: Mode) -> Outcome {
    let options = Options { mode, atmosphere: "32x24".parse().expect("a size"), ..Options::default() };
    coupling::run(&files.read().expect("good inputs"), &options, &mut |_| {}).expect("a result")
}

/// Both computations on one planet.
fn both() -> &'static [Outcome; 2] {
    static BOTH: OnceLock<[Outcome; 2]> = OnceLock::new();
    BOTH.get_or_init(|| {
        let files = Files::planet(f_pivot(62, 51));
        [Mode::Legacy, Mode::Corrected].map(|mode| run(&files, mode))
    })
}

fn values(file: &Dataset, name: &str) -> ArrayD<f64> {
    file.variable(name).and_then(|v| v.values.to_f64()).expect("a variable")
}

#[test]
fn q1_basins_are_made_cyclic() {
    let mut files = Files::planet(f_pivot(62, 51));
    let atlantic = files.basins.variables.iter_mut().find(|v| v.name == "atlmsk").expect("a basin");
    let mut mask = Array2::<f64>::zeros((51, 62));
    mask.column_mut(1).fill(1.0);
    atlantic.values = Values::F64(mask.into_dyn());
    let sums = [Mode::Legacy, Mode::Corrected].map(|mode| {
        let outcome = run(&files, mode);
        // The fold mirrors the last row; the rows before show the columns alone.
        outcome.ocean.basins.atlantic.slice(ndarray::s![..48, 61]).sum()
    });
    assert_eq!(sums[0], 0);
    assert!(sums[1] > 0);
}

#[test]
fn q2_longitudes_are_the_same_places() {
    for outcome in both() {
        let lon = &outcome.ocean.at(Point::T).lon_deg;
        assert!(lon.row(49).iter().any(|lon| *lon > 360.0), "a turn more after the grid's pole");
        let original = array(&f_pivot(62, 51), "glamt");
        for (a, b) in lon.row(49).iter().zip(original.row(49)) {
            assert!(((a - b) / 360.0 - ((a - b) / 360.0).round()).abs() < 1e-12);
        }
    }
}

#[test]
fn q3_closed_seas_are_masked() {
    let [legacy, corrected] = both().each_ref().map(|o| domsk::mesh_mask(&o.ocean, &o.options));
    assert_eq!(values(&legacy, "mask_noclose"), values(&legacy, "mask_nomed"));
    let closed = values(&corrected, "mask_nomed").sum() - values(&corrected, "mask_noclose").sum();
    assert!(closed > 0.0);
    assert_eq!(values(&legacy, "mask_nomed"), values(&corrected, "mask_nomed"));
}

#[test]
fn q4_production_is_cut() {
    for outcome in both() {
        let file = domsk::mesh_mask(&outcome.ocean, &outcome.options);
        assert_eq!(file.attributes.text("production"), Some("NEMO"));
    }
}

#[test]
fn q5_index_k_counts_levels() {
    let [legacy, corrected] = both().each_ref().map(|o| domsk::mesh_mask(&o.ocean, &o.options));
    let first_row = values(&legacy, "index_k");
    assert_eq!(first_row.iter().take(32).copied().collect::<Vec<_>>()[30..], [31.0, FILL_I32]);
    assert_eq!(values(&corrected, "index_k"), values(&corrected, "mbathy"));
    assert_eq!(values(&legacy, "bt"), values(&corrected, "bt"), "volumes of the first level in both");
}

#[test]
fn q6_fractions_are_those_of_each_point() {
    let [legacy, corrected] = both().each_ref().map(|o| domsk::fracs(&o.ocean, &o.options));
    assert_eq!(values(&legacy, "torc.fra"), values(&legacy, "forc.fra"));
    let masks = domsk::masks_file(&both()[1].ocean, &both()[1].options);
    for name in ["torc", "oint", "uorc", "vorc", "forc"] {
        let sea = values(&masks, &format!("{name}.msk")).mapv(|land| 1.0 - land);
        assert_eq!(values(&corrected, &format!("{name}.fra")), sea, "{name}");
    }
}

#[test]
fn q7_the_mask_without_duplicates_is_the_one_that_says_so() {
    let [legacy, corrected] = both().each_ref().map(|o| domsk::for_plots(&o.ocean, &o.options, true));
    let full = domsk::for_plots(&both()[0].ocean, &both()[0].options, false);
    for name in ["MASK", "MASKDRAW"] {
        assert_eq!(values(&corrected, name), values(&full, name), "the other file has always been right");
    }
    assert_eq!(values(&legacy, "MASK"), values(&full, "MASKDRAW"));
    assert!(values(&full, "MASK").sum() < values(&full, "MASKDRAW").sum());
}

#[test]
fn q8_q9_areas_and_corners_of_the_atmosphere_are_kept() {
    let radius = coupling::atmosphere::RADIUS_M;
    let sphere = 4.0 * std::f64::consts::PI * radius * radius;
    for outcome in both() {
        let area = values(&coupler::areas(outcome), "tlmd.srf").sum();
        assert!(area > sphere * 1.0001 && area < sphere * 1.001, "{}", area / sphere);
        let grids = coupler::grids(outcome);
        let corner = |name: &str, k: usize| values(&grids, name)[[k, 5, 7]];
        assert!(
            corner("tlmd.clo", 0) > corner("tlmd.clo", 1) && corner("tlmd.cla", 1) < corner("tlmd.cla", 2)
        );
    }
}

#[test]
fn q10_fractions_are_stored_in_single_precision() {
    for outcome in both() {
        let stored = values(&coupler::fracs(outcome), "tlmd.fra");
        assert!(stored.iter().all(|f| f64::from(*f as f32) == *f));
        let land = values(&coupler::masks(outcome), "tlmd.msk");
        assert!(stored.iter().zip(&land).all(|(fraction, land)| (*fraction == 0.0) == (*land == 1.0)));
    }
}

#[test]
fn q11_q12_areas_are_those_of_the_cells() {
    let [legacy, corrected] = both();
    let of_row = |o: &Outcome, row: usize| o.fluxes.ocean_area_m2[row * 62..(row + 1) * 62].to_vec();
    assert_ne!(of_row(legacy, 0), of_row(corrected, 0));
    assert_eq!(of_row(legacy, 1), of_row(corrected, 1));
    let south = |o: &Outcome| o.fluxes.atmosphere_area_m2[23 * 32 + 32];
    assert!((south(legacy) / south(corrected) - 33.0 / 32.0).abs() < 1e-12);
    assert!((south(corrected) / corrected.fluxes.atmosphere_area_m2[0] - 1.0).abs() < 1e-12);
}

#[test]
fn q14_sums_are_in_double_precision() {
    let [legacy, corrected] = both();
    let worst = |o: &Outcome| o.figures.to_ocean.conservation;
    assert!(worst(legacy) > 1e-8 && worst(legacy) < 1e-6, "{}", worst(legacy));
    assert!(worst(corrected) < 1e-13, "{}", worst(corrected));
    assert!(legacy.fluxes.to_ocean.sources() == corrected.fluxes.to_ocean.sources());
}

#[test]
fn q15_the_row_at_the_south_pole_gives_its_ice() {
    let [legacy, corrected] = both();
    assert_eq!(legacy.calving.lost_rows, [24]);
    assert_eq!(corrected.calving.lost_rows, Vec::<usize>::new());
    assert_eq!(corrected.calving.bands[0].rows.last(), Some(&24));
    let told = |o: &Outcome| o.findings.iter().any(|f| f.code == "calving-outside-bands");
    assert!(told(legacy) && !told(corrected));
}

#[test]
fn q16_the_fourth_corner_is_a_corner() {
    let [legacy, corrected] = both().each_ref().map(|o| rmp(o, Matrix::ToOcean));
    let cell = |file: &Dataset, name: &str| array(file, name).row(70).to_vec();
    // North-west, north-east, south-east, south-west.
    let lat = cell(&corrected, "src_grid_corner_lat");
    assert_eq!((lat[0], lat[2]), (lat[1], lat[3]));
    let lat = cell(&legacy, "src_grid_corner_lat");
    assert!(lat[3] > lat[2] && lat[3] < lat[0], "the middle of the western edge");
}

#[test]
fn q17_q18_masks_are_those_of_their_own_cells() {
    let [legacy, corrected] = both();
    let wet = corrected.fluxes.fraction.iter().map(|f| f64::from(u8::from(*f > 0.0))).collect::<Vec<_>>();
    let mask =
        |o: &Outcome, matrix, name: &str| values(&rmp(o, matrix), name).iter().copied().collect::<Vec<_>>();
    assert_eq!(mask(corrected, Matrix::ToAtmosphere, "dst_grid_imask"), wet);
    assert_ne!(mask(legacy, Matrix::ToAtmosphere, "dst_grid_imask"), wet);
    assert!(mask(legacy, Matrix::Runoff, "src_grid_imask").iter().all(|m| *m == 0.0));
    assert!(mask(corrected, Matrix::Runoff, "src_grid_imask").iter().all(|m| *m == 1.0));
}

#[test]
fn q19_there_may_be_any_number_of_neighbours() {
    let files = Files::planet(regular(240, 120, Overlap::None));
    let options = Options { atmosphere: "8x5".parse().expect("a size"), ..Options::default() };
    let outcome = coupling::run(&files.read().expect("good"), &options, &mut |_| {}).expect("a result");
    assert!(outcome.figures.to_atmosphere.neighbours.max > 500);
}

#[test]
fn q20_every_variable_holds_what_its_name_says() {
    let [legacy, corrected] = both();
    let polar = |a: usize| !(32..24 * 32).contains(&a);
    let mask = values(&o2a::o2a(corrected), "MaskPer");
    assert!(mask.iter().enumerate().all(|(a, m)| (*m == 1.0) == (!polar(a) || a % 32 == 0)));
    assert!(values(&o2a::o2a(legacy), "MaskPer").iter().all(|m| *m == FILL_I32));
    let sectors = values(&o2a::o2a(corrected), "SurfacePol").sum();
    assert!((sectors / values(&o2a::o2a(corrected), "Surface").sum() - 1.0).abs() < 1e-12);
    for outcome in both() {
        let file = domsk::mesh_mask(&outcome.ocean, &outcome.options);
        for (name, same) in [("mask_t", "mask"), ("mask_fill_t", "mask_fill"), ("middle_lon", "middle_lon_t")]
        {
            let written = values(&file, name) == values(&file, same);
            assert_eq!(written, outcome.options.mode == Mode::Corrected, "{name}");
        }
    }
}

#[test]
fn the_history_says_what_is_corrected() {
    let history = |o: &Outcome| rmp(o, Matrix::ToOcean).attributes.text("history").map(str::to_owned);
    let [legacy, corrected] = both();
    assert_eq!(history(legacy), None);
    assert!(history(corrected).is_some_and(|text| text.contains("double precision")));
}
