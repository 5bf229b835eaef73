//! The result of the coupling weights: what a modeller checks before a run.

use actix_web::{HttpRequest, HttpResponse};
use coupling::{Figures, figures::MatrixFigures};
use serde::Serialize;
use serde_json::{Map, Value};
use store::Revision;
use web::{Error, Owned, Page};
use workflow::FileType;

use super::{assets, file_view};

/// The figures in what is told about a revision, and the run configuration beside them; see the worker.
const FIGURES: &str = "figures";
const CONFIGURATION: &str = "configuration";

/// A sum is one, and a source conserved, within this: roundings of double precision, added up.
const ROUNDING: f64 = 1e-12;
/// The original adds up in single precision.
const SINGLE_ROUNDING: f64 = 5e-7;

/// `GET /{id}/weights/view`
pub(crate) async fn page(
    request: &HttpRequest,
    owned: &Owned,
    number: Option<i32>,
) -> Result<HttpResponse, Error> {
    let store = super::store(request)?;
    let revision = assets::wanted(&store, owned, FileType::Weights, number)?;
    let all = store.revisions(owned.file.id)?;
    let of_type: Vec<&Revision> = all.iter().filter(|other| other.file_type == FileType::Weights).collect();
    let previous = of_type.iter().rev().find(|other| other.revision < revision.revision).copied();
    let figures = figures(&revision);
    let before = previous.and_then(self::figures);
    let made_from: Vec<Value> = all
        .iter()
        .filter(|other| revision.parents.contains(&other.id))
        .map(|other| {
            serde_json::json!({
                "title": other.file_type.title(), "type": other.file_type, "number": other.revision,
            })
        })
        .collect();
    let numbers: Vec<i32> = of_type.iter().map(|other| other.revision).collect();
    Page::new("weights_result.html")
        .with("file", &file_view(&owned.file))
        .with("number", &revision.revision)
        .with("numbers", &numbers)
        .with("previous", &previous.map(|previous| previous.revision))
        .with(
            "on_both",
            &figures.as_ref().zip(before.as_ref()).and_then(|(now, before)| on_both(now, before)),
        )
        .with("created", &revision.created)
        .with("bytes", &revision.bytes)
        .with("sha256", &revision.sha256)
        .with("made_from", &made_from)
        .with("checks", &figures.as_ref().map(checks))
        .with("groups", &figures.as_ref().map(|now| compared(&groups(now), before.as_ref().map(groups))))
        .with("configuration", &configuration(&revision, previous))
        .render(request)
}

fn figures(revision: &Revision) -> Option<Figures> {
    serde_json::from_value(revision.info.get(FIGURES)?.clone()).ok()
}

/// The map that two results have cell by cell.
fn on_both(now: &Figures, before: &Figures) -> Option<&'static str> {
    let atmosphere = |figures: &Figures| (figures.atmosphere.columns, figures.atmosphere.rows);
    let ocean = |figures: &Figures| (figures.ocean.columns, figures.ocean.rows);
    if atmosphere(now) == atmosphere(before) {
        Some("ocean_fraction")
    } else if ocean(now) == ocean(before) {
        Some("coverage")
    } else {
        None
    }
}

/// A statement about the result, true or not.
#[derive(Debug, Serialize, PartialEq)]
struct Check {
    good: bool,
    text: String,
}

/// What has to hold, and what has to be known.
fn checks(figures: &Figures) -> Vec<Check> {
    let (ocean, runoff, calving) = (&figures.ocean, &figures.runoff, &figures.calving);
    let sums = figures.to_atmosphere.row_sums;
    let from_one = (sums.min - 1.0).abs().max((sums.max - 1.0).abs());
    let given = figures.to_ocean.conservation;
    let allowed = if figures.mode == "legacy" { SINGLE_ROUNDING } else { ROUNDING };
    let seen = ocean.area_seen_m2 / ocean.area_m2 - 1.0;
    let covered = figures.to_ocean.row_sums;
    let sizes = (covered.min - 1.0).abs().max((covered.max - 1.0).abs());
    let check = |good: bool, text: String| Check { good, text };
    vec![
        check(
            from_one <= ROUNDING,
            format!(
                "A constant ocean field stays constant in the atmosphere: sums of weights are 1 within {}.",
                tiny(from_one)
            ),
        ),
        check(
            given <= allowed,
            format!(
                "What falls on the sea arrives in the ocean: at worst {} of a cell's flux is off.",
                tiny(given)
            ),
        ),
        check(
            ocean.uncovered_sea_cells == 0,
            match ocean.uncovered_sea_cells {
                0 => format!(
                    "Each of the {} sea cells receives from the atmosphere.",
                    grouped(ocean.sea_cells)
                ),
                n => format!("{} of {} sea cells receive nothing.", grouped(n), grouped(ocean.sea_cells)),
            },
        ),
        check(
            seen.abs() < 1e-3,
            format!("Ocean and atmosphere agree on the area of the sea within {}.", percent(seen.abs())),
        ),
        check(
            sizes < 0.01,
            format!(
                "The sizes of the ocean cells (e1 x e2) agree with their outlines within {}: the coverage on the map.",
                percent(sizes)
            ),
        ),
        check(
            runoff.conservation <= ROUNDING && runoff.coast_lost == 0,
            match runoff.coast_lost {
                0 => format!(
                    "All run-off of the {} coastal cells reaches the ocean, within {}.",
                    grouped(runoff.coast_sources),
                    tiny(runoff.conservation)
                ),
                n => format!(
                    "{} of {} coastal cells lose their run-off.",
                    grouped(n),
                    grouped(runoff.coast_sources)
                ),
            },
        ),
        check(
            runoff.land_lost == 0,
            match runoff.land_lost {
                0 => format!("All {} land cells drain to the ocean.", grouped(runoff.land_sources)),
                n => format!(
                    "{} of {} land cells, {} of the land, drain nowhere: the land model has to route their rivers to the coast.",
                    grouped(n),
                    grouped(runoff.land_sources),
                    percent(runoff.lost_fraction())
                ),
            },
        ),
        check(
            calving.conservation <= ROUNDING && calving.lost_rows == 0,
            match calving.lost_rows {
                0 => {
                    format!("All ice that calves melts in the ocean, within {}.", tiny(calving.conservation))
                }
                n => format!(
                    "The ice of {n} row{} of the atmosphere, {} of the globe, is lost.",
                    if n == 1 { "" } else { "s" },
                    percent(calving.lost_fraction)
                ),
            },
        ),
    ]
}

/// Numbers about one thing.
#[derive(Debug, Serialize)]
struct Group {
    title: &'static str,
    rows: Vec<Row>,
}

/// A number, as text.
#[derive(Debug, Serialize)]
struct Row {
    label: String,
    value: String,
    /// The same in the revision before.
    before: Option<String>,
}

fn groups(figures: &Figures) -> Vec<Group> {
    let row = |label: &str, value: String| Row { label: label.to_owned(), value, before: None };
    let (ocean, atmosphere) = (&figures.ocean, &figures.atmosphere);
    let (runoff, calving) = (&figures.runoff, &figures.calving);
    let mut calved = vec![row("Links", grouped(calving.links))];
    calved.extend(calving.bands.iter().map(|band| Row {
        label: format!("From {}\u{b0} to {}\u{b0}", band.south_deg, band.north_deg),
        value: format!(
            "{} rows to {} cells, {} km\u{b2}",
            band.rows,
            grouped(band.cells),
            grouped((band.area_m2 / 1e6).round() as usize)
        ),
        before: None,
    }));
    calved.push(row("Rows whose ice is lost", grouped(calving.lost_rows)));
    calved.push(row("Worst conservation error", tiny(calving.conservation)));
    vec![
        Group {
            title: "Grids",
            rows: vec![
                row("Ocean", format!("{} x {}", ocean.columns, ocean.rows)),
                row("Sea cells", grouped(ocean.sea_cells)),
                row("Repeated sea cells", grouped(ocean.repeated_sea_cells)),
                row("Area of the sea", km2(ocean.area_m2)),
                row("As the atmosphere sees it", km2(ocean.area_seen_m2)),
                row("Atmosphere", format!("{} x {}", atmosphere.columns, atmosphere.rows)),
                row("Land cells", grouped(atmosphere.land_cells)),
                row("Coastal cells", grouped(atmosphere.coast_cells)),
                row("Ocean cells", grouped(atmosphere.ocean_cells)),
            ],
        },
        Group {
            title: "Ocean to atmosphere",
            rows: matrix(&figures.to_atmosphere, "Area of the sea, off by"),
        },
        Group { title: "Atmosphere to ocean", rows: matrix(&figures.to_ocean, "Worst conservation error") },
        Group {
            title: "Run-off",
            rows: vec![
                row("Links", grouped(runoff.links)),
                row("Ocean cells that receive", grouped(runoff.receivers)),
                row("Most sources of one of them", grouped(runoff.most_neighbours)),
                row("Coastal sources", grouped(runoff.coast_sources)),
                row("Of these lost", grouped(runoff.coast_lost)),
                row("Land sources", grouped(runoff.land_sources)),
                row("Of these lost", grouped(runoff.land_lost)),
                row("Area of the land", km2(runoff.land_area_m2)),
                row("Land that drains nowhere", km2(runoff.land_lost_area_m2)),
                row("Worst conservation error", tiny(runoff.conservation)),
            ],
        },
        Group { title: "Calving", rows: calved },
    ]
}

fn matrix(figures: &MatrixFigures, conservation: &str) -> Vec<Row> {
    let row = |label: &str, value: String| Row { label: label.to_owned(), value, before: None };
    let neighbours = figures.neighbours;
    vec![
        row("Links", grouped(figures.links)),
        row("Cells that receive", grouped(figures.receivers)),
        row(
            "Neighbours of one",
            format!("{} to {}, {:.2} in the mean", neighbours.min, neighbours.max, neighbours.mean),
        ),
        row("Weights", format!("{} to {}", figure(figures.weights.min), figure(figures.weights.max))),
        row(
            "Sums of weights",
            format!("{} to {}", figure(figures.row_sums.min), figure(figures.row_sums.max)),
        ),
        row(conservation, tiny(figures.conservation.abs())),
        row("Integral of a smooth field, off by", tiny(figures.smooth_field_conservation.abs())),
    ]
}

/// Each number with that of the revision before, where it has another.
fn compared(now: &[Group], before: Option<Vec<Group>>) -> Vec<Group> {
    let old = |title: &str, index: usize, label: &str| {
        let group = before.as_ref()?.iter().find(|group| group.title == title)?;
        group.rows.get(index).filter(|row| row.label == label).map(|row| row.value.clone())
    };
    now.iter()
        .map(|group| Group {
            title: group.title,
            rows: group
                .rows
                .iter()
                .enumerate()
                .map(|(index, row)| Row {
                    label: row.label.clone(),
                    value: row.value.clone(),
                    before: old(group.title, index, &row.label).filter(|old| *old != row.value),
                })
                .collect(),
        })
        .collect()
}

/// The run configuration in words, with what it was before.
fn configuration(revision: &Revision, previous: Option<&Revision>) -> Vec<Row> {
    let told = |revision: &Revision| -> Map<String, Value> {
        revision.info.get(CONFIGURATION).and_then(Value::as_object).cloned().unwrap_or_default()
    };
    // 400, not 400.0.
    let number =
        |value: &Value| value.as_f64().map_or_else(|| value.to_string(), |number| number.to_string());
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(number).collect::<Vec<_>>().join(", "),
        other => number(other),
    };
    let before = previous.map(told).unwrap_or_default();
    told(revision)
        .iter()
        .map(|(name, value)| Row {
            label: name.clone(),
            value: text(value),
            before: before.get(name).map(text).filter(|old| *old != text(value)),
        })
        .collect()
}

/// A whole number in groups of three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

fn km2(square_metres: f64) -> String {
    format!("{} km\u{b2}", grouped((square_metres / 1e6).round() as usize))
}

fn percent(fraction: f64) -> String {
    let percent = 100.0 * fraction;
    if percent == 0.0 || percent >= 0.01 { format!("{percent:.2} %") } else { format!("{percent:.1e} %") }
}

/// An error that should be next to nothing.
fn tiny(number: f64) -> String {
    if number == 0.0 { "0".to_owned() } else { format!("{number:.1e}") }
}

/// A number of any size.
fn figure(number: f64) -> String {
    if number != 0.0 && number.abs() < 1e-3 { format!("{number:.2e}") } else { format!("{number:.6}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(grouped(12), "12");
        assert_eq!(
            (percent(0.7123), percent(7e-7), percent(0.0)),
            ("71.23 %".into(), "7.0e-5 %".into(), "0.00 %".into())
        );
        assert_eq!(
            (tiny(0.0), tiny(1.234e-15), figure(0.5)),
            ("0".into(), "1.2e-15".into(), "0.500000".into())
        );
    }

    #[test]
    fn only_what_changed_is_shown_twice() {
        let group = |value: &str| {
            let row =
                |label: &str, value: &str| Row { label: label.into(), value: value.into(), before: None };
            Group { title: "Grids", rows: vec![row("Sea cells", value), row("Land cells", "5")] }
        };
        let shown = compared(&[group("3")], Some(vec![group("4")]));
        assert_eq!(shown[0].rows[0].before.as_deref(), Some("4"));
        assert_eq!(shown[0].rows[1].before, None);
        assert_eq!(compared(&[group("3")], None)[0].rows[0].before, None);
    }
}
