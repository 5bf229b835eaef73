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
    FileComparison { header, variables }
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
    fn headers_and_shapes_count() {
        assert_eq!(compare(&file(&[1.0], "m"), &file(&[1.0], "km")).header.len(), 1);
        let shapes = compare(&file(&[1.0], "m"), &file(&[1.0, 2.0], "m"));
        assert_eq!(shapes.variables[0].values, None);
        assert!(!shapes.agrees_within(1.0));
        assert!(!compare(&file(&[f64::NAN], "m"), &file(&[1.0], "m")).agrees_within(1.0));
    }
}
