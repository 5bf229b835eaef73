//! Grids of GMT before version 4.1: a classic file with the values in one row, and the axes as ranges.
//!
//! `x_range`, `y_range`, `z_range` and `spacing` have two values each, `dimension` has the numbers of columns and rows, and
//! `z` the values, row by row from the north. `z:node_offset` is 1 when the ranges are those of the cells' edges (pixel
//! registration), 0 when they are those of the centres. After the GMT technical reference, appendix B of version 3.4.

use crate::classic::{Classic, Placement, Source, read_slab};
use crate::{
    AttributeValue, Attributes, Dataset, Dimension, Error, Header, Values, Variable, VariableHeader,
};

/// A grid as others are: `z` with two dimensions, and its coordinates.
#[derive(Debug)]
pub(crate) struct OldGmt {
    /// `z` only, in two dimensions: its values lie in the file as they do in one.
    pub(crate) grid: Classic,
    /// The coordinates of the columns and of the rows, which are not in the file.
    pub(crate) axes: [Variable; 2],
    /// All three.
    pub(crate) header: Header,
}

/// The grid in a classic file; `None` when it is an ordinary file.
pub(crate) fn recognise(source: &impl Source, parsed: &Classic, name: &str) -> Result<Option<OldGmt>, Error> {
    let header = &parsed.header;
    let all = ["x_range", "y_range", "z_range", "spacing", "dimension", "z"];
    if !all.iter().all(|name| header.variable(name).is_some_and(|variable| variable.shape.len() == 1)) {
        return Ok(None);
    }
    let pair = |variable: &str| -> Result<[f64; 2], Error> {
        let index = header.variables.iter().position(|v| v.name == variable).unwrap_or_default();
        let shape = &header.variables[index].shape;
        let values = match shape.as_slice() {
            [2] => read_slab(source, parsed, index, &[0], &[2], name)?.to_f64(),
            _ => None,
        };
        match values.as_ref().and_then(|values| values.as_slice()) {
            Some(&[first, second]) if first.is_finite() && second.is_finite() => Ok([first, second]),
            _ => Err(damaged(name, format!("'{variable}' is no pair of numbers"))),
        }
    };
    let index = header.variables.iter().position(|v| v.name == "z").unwrap_or_default();
    let z = &header.variables[index];
    let [columns, rows] = pair("dimension")?;
    let whole = |count: f64| (1.0..=1e9).contains(&count) && count.fract() == 0.0;
    let (columns, rows) = match (whole(columns), whole(rows)) {
        (true, true) => (columns as usize, rows as usize),
        _ => return Err(damaged(name, format!("'dimension' is {columns} x {rows}"))),
    };
    if columns.checked_mul(rows) != Some(z.shape[0]) {
        let what = format!("'z' has {} values, 'dimension' is {columns} x {rows}", z.shape[0]);
        return Err(damaged(name, what));
    }
    let pixels = z.attributes.get("node_offset").and_then(AttributeValue::as_f64) == Some(1.0);
    let ([west, east], [south, north]) = (pair("x_range")?, pair("y_range")?);
    // Degrees, unless they cannot be.
    let degrees =
        west >= -360.0 && east <= 720.0 && east - west <= 360.001 && south >= -90.001 && north <= 90.001;
    let (x, y) = if degrees { ("lon", "lat") } else { ("x", "y") };
    let units = |of: &str| {
        let units = header.variable(of).and_then(|v| v.attributes.text("units")).unwrap_or_default().trim();
        (!units.is_empty() && !units.starts_with("user_")).then(|| units.to_owned())
    };
    let axis = |axis: &str, points: Vec<f64>, degrees_of: &str, range: &str| {
        let mut attributes = Attributes::new();
        if degrees {
            attributes.set("standard_name", if axis == "lon" { "longitude" } else { "latitude" });
            attributes.set("units", degrees_of);
        } else if let Some(units) = units(range) {
            attributes.set("units", units.as_str());
        }
        Variable::new(axis, &[axis], Values::F64(ndarray::Array1::from(points).into_dyn()), attributes)
    };
    let axes = [
        axis(x, points(west, east, columns, pixels), "degrees_east", "x_range"),
        // The first row is the northernmost.
        axis(y, points(north, south, rows, pixels), "degrees_north", "y_range"),
    ];
    let mut attributes = z.attributes.clone();
    attributes.remove("node_offset");
    // Packing that packs nothing.
    if attributes.get("scale_factor").and_then(AttributeValue::as_f64) == Some(1.0)
        && attributes.get("add_offset").and_then(AttributeValue::as_f64) == Some(0.0)
    {
        attributes.remove("scale_factor");
        attributes.remove("add_offset");
    }
    if let (None, Some(units)) = (attributes.get("units"), units("z_range")) {
        attributes.set("units", units.as_str());
    }
    let values = VariableHeader {
        name: "z".to_owned(),
        dimensions: vec![y.to_owned(), x.to_owned()],
        shape: vec![rows, columns],
        data_type: z.data_type,
        attributes,
    };
    let dimension = |name: &str, len| Dimension { name: name.to_owned(), len, unlimited: false };
    let registration = if pixels { "pixel" } else { "gridline" };
    let grid_header = Header {
        format: header.format,
        dimensions: vec![dimension(y, rows), dimension(x, columns)],
        variables: vec![values.clone()],
        attributes: header.attributes.clone(),
        notes: vec![format!("it is an old GMT grid ({registration} registration), read as z({y}, {x})")],
    };
    let axis_headers = axes.iter().map(|variable| VariableHeader {
        name: variable.name.clone(),
        dimensions: variable.dimensions.clone(),
        shape: variable.shape().to_vec(),
        data_type: variable.values.data_type(),
        attributes: variable.attributes.clone(),
    });
    let variables = axis_headers.chain([values]).collect();
    let placement = Placement { is_record: false, ..parsed.placements[index] };
    Ok(Some(OldGmt {
        header: Header { variables, ..grid_header.clone() },
        grid: Classic {
            header: grid_header,
            placements: vec![placement],
            dimension_ids: vec![vec![0, 1]],
            records: 0,
            record_stride: 0,
            header_len: parsed.header_len,
        },
        axes,
    }))
}

/// The centres of `count` cells: from `first` to `last`, or between these as edges.
fn points(first: f64, last: f64, count: usize, pixels: bool) -> Vec<f64> {
    let (cells, offset) = if pixels { (count, 0.5) } else { (count - 1, 0.0) };
    let step = (last - first) / cells.max(1) as f64;
    let mut points: Vec<f64> = (0..count).map(|i| first + (i as f64 + offset) * step).collect();
    // The end as it stands in the file, not as it is rounded.
    if let (false, Some(end)) = (pixels || count < 2, points.last_mut()) {
        *end = last;
    }
    points
}

fn damaged(name: &str, what: String) -> Error {
    Error::corrupt(name, format!("it is an old GMT grid, and {what}"))
}

impl OldGmt {
    /// Reads a part of a variable.
    pub(crate) fn read_slab(
        &self,
        source: &impl Source,
        variable: &str,
        start: &[usize],
        count: &[usize],
        name: &str,
    ) -> Result<Values, Error> {
        let Some(axis) = self.axes.iter().find(|axis| axis.name == variable) else {
            return read_slab(source, &self.grid, 0, start, count, name);
        };
        let Values::F64(points) = &axis.values else {
            return Err(damaged(name, "its coordinates are no numbers".to_owned()));
        };
        match (start, count) {
            (&[start], &[count]) if start.checked_add(count).is_some_and(|end| end <= points.len()) => {
                let part = points.iter().skip(start).take(count).copied().collect();
                Ok(Values::F64(ndarray::Array1::from_vec(part).into_dyn()))
            }
            _ => Err(Error::OutOfBounds {
                file: name.to_owned(),
                variable: variable.to_owned(),
                start: start.to_vec(),
                count: count.to_vec(),
                shape: vec![points.len()],
            }),
        }
    }

    /// Reads everything.
    pub(crate) fn read_all(&self, source: &impl Source, name: &str) -> Result<Dataset, Error> {
        let z = &self.grid.header.variables[0];
        let values = read_slab(source, &self.grid, 0, &[0, 0], &z.shape, name)?;
        let mut variables = self.axes.to_vec();
        variables.push(Variable {
            name: z.name.clone(),
            dimensions: z.dimensions.clone(),
            attributes: z.attributes.clone(),
            values,
        });
        let (dimensions, attributes) = (self.header.dimensions.clone(), self.header.attributes.clone());
        Ok(Dataset { dimensions, variables, attributes })
    }
}
