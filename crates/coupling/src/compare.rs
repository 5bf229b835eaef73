//! How two files differ: header by header, variable by variable.

use std::fmt;

use dataset::{Attributes, Dataset, Values};

/// Global attributes that tell when and where a file was made.
const STAMPS: [&str; 4] = ["history", "HOSTNAME", "LOGNAME", "NCO"];

/// How two files differ.
#[derive(Debug, Clone, PartialEq)]
pub struct FileComparison {
    /// What differs in the headers, a sentence each; times and places of making are not compared.
    pub header: Vec<String>,
    /// The variables that both files have, in the order of the first.
    pub variables: Vec<VariableComparison>,
    /// Of two weight files, how their links differ, whatever their order.
    pub links: Option<LinkComparison>,
}

/// How the links of two weight files differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkComparison {
    /// Links of the first file.
    pub here: usize,
    /// Links of the second file.
    pub there: usize,
    /// Links from the same cell to the same cell in both.
    pub common: usize,
    /// The largest difference between the weights of one of these.
    pub largest: f64,
    /// The same, relative to the larger of the two weights.
    pub largest_relative: f64,
}

/// How the values of one variable differ.
#[derive(Debug, Clone, PartialEq)]
pub struct VariableComparison {
    /// Name of the variable.
    pub name: String,
    /// Number of values; `None` when the shapes differ, and then nothing else is known.
    pub values: Option<usize>,
    /// How many differ.
    pub different: usize,
    /// The largest difference.
    pub largest: f64,
    /// The largest difference relative to the larger of the two values.
    pub largest_relative: f64,
    /// Position of the largest relative difference, row-major from 0.
    pub at: usize,
}

impl FileComparison {
    /// True when nothing differs by more than `tolerance`, relative to the values.
    pub fn agrees_within(&self, tolerance: f64) -> bool {
        self.header.is_empty() && self.variables.iter().all(|v| v.agrees_within(tolerance))
    }
}

impl VariableComparison {
    /// True when no value differs by more than `tolerance`, relative to the larger of the two.
    pub fn agrees_within(&self, tolerance: f64) -> bool {
        self.values.is_some() && self.largest_relative <= tolerance
    }
}

impl fmt::Display for VariableComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.values, self.different) {
            (None, _) => write!(f, "{}: different shapes", self.name),
            (Some(values), 0) => write!(f, "{}: {values} values, identical", self.name),
            (Some(values), different) => write!(
                f,
                "{}: {different} of {values} values differ, by at most {:.3e} ({:.3e} relative, at {})",
                self.name, self.largest, self.largest_relative, self.at
            ),
        }
    }
}

impl fmt::Display for LinkComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { here, there, common, largest, largest_relative } = self;
        write!(f, "links: {here} here, {there} there, {common} in both; ")?;
        match largest {
            0.0 => write!(f, "weights of these identical"),
            _ => write!(
                f,
                "weights of these differ by at most {largest:.3e} ({largest_relative:.3e} relative)"
            ),
        }
    }
}

/// Compares two files.
pub fn compare(ours: &Dataset, theirs: &Dataset) -> FileComparison {
    let mut header = Vec::new();
    let mut note = |what: String, a: String, b: String| {
        if a != b {
            header.push(format!("{what}: {a} here, {b} there"));
        }
    };
    let dimensions =
        |d: &Dataset| d.dimensions.iter().map(|d| format!("{} = {}", d.name, d.len)).collect::<Vec<_>>();
    note("dimensions".to_owned(), dimensions(ours).join(", "), dimensions(theirs).join(", "));
    let names = |d: &Dataset| d.variables.iter().map(|v| v.name.clone()).collect::<Vec<_>>();
    note("variables".to_owned(), names(ours).join(", "), names(theirs).join(", "));
    note("global attributes".to_owned(), listed(&ours.attributes), listed(&theirs.attributes));

    let mut variables = Vec::new();
    for ours in &ours.variables {
        let Some(theirs) = theirs.variable(&ours.name) else { continue };
        let name = &ours.name;
        note(format!("type of {name}"), type_of(&ours.values), type_of(&theirs.values));
        note(format!("dimensions of {name}"), ours.dimensions.join(", "), theirs.dimensions.join(", "));
        note(format!("attributes of {name}"), listed(&ours.attributes), listed(&theirs.attributes));
        variables.push(compare_values(name, &ours.values, &theirs.values));
    }
    let links = compare_links(ours, theirs);
    FileComparison { header, variables, links }
}

/// Links by destination and source; `None` unless both are weight files.
fn compare_links(ours: &Dataset, theirs: &Dataset) -> Option<LinkComparison> {
    let links = |file: &Dataset| -> Option<Vec<(i64, i64, f64)>> {
        let values = |name: &str| Some(file.variable(name)?.values.to_f64()?.into_raw_vec_and_offset().0);
        let (to, from, weights) = (values("dst_address")?, values("src_address")?, values("remap_matrix")?);
        let addresses = to.iter().zip(&from).map(|(&to, &from)| (to as i64, from as i64));
        let mut links: Vec<_> = addresses.zip(weights).map(|((to, from), w)| (to, from, w)).collect();
        links.sort_by_key(|&(to, from, _)| (to, from));
        Some(links)
    };
    let (ours, theirs) = (links(ours)?, links(theirs)?);
    let mut result = LinkComparison {
        here: ours.len(),
        there: theirs.len(),
        common: 0,
        largest: 0.0,
        largest_relative: 0.0,
    };
    let mut others = theirs.iter().peekable();
    for &(to, from, weight) in &ours {
        while others.next_if(|other| (other.0, other.1) < (to, from)).is_some() {}
        if let Some(&(_, _, other)) = others.next_if(|other| (other.0, other.1) == (to, from)) {
            result.common += 1;
            let difference = (weight - other).abs();
            result.largest = result.largest.max(difference);
            if difference > 0.0 {
                let relative = difference / weight.abs().max(other.abs());
                result.largest_relative = result.largest_relative.max(relative);
            }
        }
    }
    Some(result)
}

fn compare_values(name: &str, ours: &Values, theirs: &Values) -> VariableComparison {
    let mut result = VariableComparison {
        name: name.to_owned(),
        values: None,
        different: 0,
        largest: 0.0,
        largest_relative: 0.0,
        at: 0,
    };
    let (Some(ours), Some(theirs)) = (ours.to_f64(), theirs.to_f64()) else { return result };
    if ours.shape() != theirs.shape() {
        return result;
    }
    result.values = Some(ours.len());
    for (at, (&a, &b)) in ours.iter().zip(&theirs).enumerate() {
        if a == b || (a.is_nan() && b.is_nan()) {
            continue;
        }
        let difference = (a - b).abs();
        let relative = difference / a.abs().max(b.abs());
        // A missing value against a number is no matter of degree.
        let or_all = |x: f64| if x.is_nan() { f64::INFINITY } else { x };
        result.different += 1;
        result.largest = result.largest.max(or_all(difference));
        if or_all(relative) > result.largest_relative {
            (result.largest_relative, result.at) = (or_all(relative), at);
        }
    }
    result
}

fn type_of(values: &Values) -> String {
    let name = match values {
        Values::I8(_) => "byte",
        Values::U8(_) => "ubyte",
        Values::I16(_) => "short",
        Values::U16(_) => "ushort",
        Values::I32(_) => "int",
        Values::U32(_) => "uint",
        Values::I64(_) => "int64",
        Values::U64(_) => "uint64",
        Values::F32(_) => "float",
        Values::F64(_) => "double",
        Values::Char(_) => "char",
        Values::Text(_) => "string",
    };
    name.to_owned()
}

fn listed(attributes: &Attributes) -> String {
    let kept = attributes.iter().filter(|(name, _)| !STAMPS.contains(name));
    kept.map(|(name, value)| format!("{name} = {value:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataset::Variable;

    fn file(values: &[f64], units: &str) -> Dataset {
        let mut file = Dataset::new();
        file.add_dimension("n", values.len());
        let values = Values::F64(ndarray::Array1::from(values.to_vec()).into_dyn());
        file.variables.push(Variable::new("w", &["n"], values, Attributes::new().with("units", units)));
        file
    }

    #[test]
    fn a_file_is_like_itself_whenever_it_was_made() {
        let a = file(&[1.0, f64::NAN], "m");
        let mut b = a.clone();
        b.attributes.set("history", "made later");
        assert!(compare(&a, &b).agrees_within(0.0));
    }

    #[test]
    fn differences_are_counted_and_measured() {
        let compared = compare(&file(&[1.0, 2.0, 0.0], "m"), &file(&[1.0, 2.002, 1e-9], "m"));
        let w = &compared.variables[0];
        assert_eq!((w.different, w.at), (2, 2));
        assert_eq!(w.largest_relative, 1.0, "nothing against something is all of it");
        assert!(!compared.agrees_within(0.5));
    }

    #[test]
    fn links_are_matched_by_their_cells() {
        let file = |links: &[(f64, f64, f64)]| {
            let mut file = Dataset::new();
            let column =
                |part: fn(&(f64, f64, f64)) -> f64| links.iter().map(part).collect::<ndarray::Array1<_>>();
            file.add_f64("dst_address", &["n"], column(|l| l.0).into_dyn(), Attributes::new());
            file.add_f64("src_address", &["n"], column(|l| l.1).into_dyn(), Attributes::new());
            file.add_f64("remap_matrix", &["n"], column(|l| l.2).into_dyn(), Attributes::new());
            file
        };
        let a = file(&[(1.0, 1.0, 0.5), (1.0, 2.0, 0.5), (3.0, 1.0, 1.0)]);
        let b = file(&[(1.0, 2.0, 0.5), (1.0, 1.0, 0.4), (2.0, 9.0, 1.0), (4.0, 1.0, 1.0)]);
        let links = compare(&a, &b).links.unwrap();
        assert_eq!((links.here, links.there, links.common), (3, 4, 2));
        assert!((links.largest - 0.1).abs() < 1e-15 && (links.largest_relative - 0.2).abs() < 1e-15);
        assert_eq!(compare(&a, &a).links.unwrap().largest, 0.0);
    }

    #[test]
    fn headers_and_shapes_count() {
        assert_eq!(compare(&file(&[1.0], "m"), &file(&[1.0], "km")).header.len(), 1);
        let shapes = compare(&file(&[1.0], "m"), &file(&[1.0, 2.0], "m"));
        assert_eq!(shapes.variables[0].values, None);
        assert!(!shapes.agrees_within(1.0));
        assert!(!compare(&file(&[f64::NAN], "m"), &file(&[1.0], "m")).agrees_within(1.0));
    }
}
