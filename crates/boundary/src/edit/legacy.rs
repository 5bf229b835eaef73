//! Edit lists as earlier releases stored them: read by a small grammar, never evaluated.
//!
//! An entry is `{"selection_expr": TEXT, "calculation_type": ..., "value": ..., "land": ..., "ocean": ...}`. TEXT was written by
//! HoloViews as a Python expression: comparisons of `dim('NAME')` with numbers, in parentheses, joined by `&`, `|` and `~`, and
//! lassos `dim('X', spatial_select, dim('Y'), geometry=array([[x, y], ...]))`, which the release of 2021 wrote with a parenthesis
//! too many (`dim('X'), spatial_select, ...`). Nothing else is understood, and what is not understood is kept as it is and
//! said so.

use serde_json::Value;

use super::{Action, Filter, Operation, Point, Quantity, Rules, Selection};

/// Deeper expressions than people click together are refused.
const MAX_DEPTH: usize = 100;

/// Why an entry cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each field is")]
pub enum Error {
    #[error("'{field}' is missing or of another kind in the stored action")]
    Field { field: &'static str },
    #[error("'{kind}' is no calculation that is known (Absolute, Relatif, Relative, Percentage)")]
    Calculation { kind: String },
    #[error("the selection has '{found}' at character {at}, where {expected} was expected")]
    Syntax { found: String, at: usize, expected: &'static str },
    #[error("the selection is about '{name}', which is no coordinate of this map")]
    Name { name: String },
    #[error("the polygon was stored shortened ('...'): its corners are lost")]
    Shortened,
    #[error("the selection is nested too deeply")]
    TooDeep,
}

/// An entry of a stored list.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The entry as it was stored.
    pub entry: Value,
    /// The action, or why there is none.
    pub action: Result<Action, Error>,
}

/// Reads a stored list. `quantity` says what a name in an expression stands for on this map: the names of the file's coordinates,
/// of its dimensions on curvilinear grids (rows and columns counted from 0), and of the edited variable.
///
/// A list with something in it that only the release of 2023 wrote (`Relative`, a lasso that is whole) follows the
/// rules of that release, which are those of today; any other follows those of 2021 ([`Rules::R2021`]).
pub fn read(entries: &[Value], quantity: impl Fn(&str) -> Option<Quantity>) -> Vec<Stored> {
    let text = |entry: &Value, field: &str| entry.get(field).and_then(Value::as_str).map(str::to_owned);
    let of_2023 = entries.iter().any(|entry| {
        text(entry, "calculation_type").is_some_and(|kind| kind == "Relative")
            || text(entry, "selection_expr").is_some_and(|text| text.contains("', spatial_select"))
    });
    let rules = if of_2023 { Rules::Current } else { Rules::R2021 };
    entries
        .iter()
        .map(|entry| Stored { entry: entry.clone(), action: action(entry, rules, &quantity) })
        .collect()
}

fn action(entry: &Value, rules: Rules, quantity: &dyn Fn(&str) -> Option<Quantity>) -> Result<Action, Error> {
    let field = |field: &'static str| entry.get(field).ok_or(Error::Field { field });
    let text = |name: &'static str| field(name)?.as_str().ok_or(Error::Field { field: name });
    let flag = |name: &'static str| match entry.get(name) {
        None => Ok(true),
        Some(flag) => flag.as_bool().ok_or(Error::Field { field: name }),
    };
    let value = field("value")?.as_f64().ok_or(Error::Field { field: "value" })?;
    let operation = match text("calculation_type")? {
        "Absolute" => Operation::Absolute { value },
        "Relatif" | "Relative" => Operation::Relative { value },
        "Percentage" => Operation::Percentage { value },
        other => return Err(Error::Calculation { kind: other.to_owned() }),
    };
    Ok(Action {
        operation,
        selection: selection(text("selection_expr")?, quantity)?,
        filter: Filter { land: flag("land")?, ocean: flag("ocean")? },
        rules,
        note: String::new(),
    })
}

/// Reads a selection expression.
///
/// ```
/// use boundary::edit::{Quantity, Selection, legacy};
/// let names = |name: &str| (name == "topo").then_some(Quantity::Value);
/// let range = Selection::Range { of: Quantity::Value, from: Some(-5.0), to: None };
/// assert_eq!(legacy::selection("(dim('topo')>=-5)", &names), Ok(range));
/// ```
///
/// # Errors
/// The first thing that is not understood.
pub fn selection(text: &str, quantity: &dyn Fn(&str) -> Option<Quantity>) -> Result<Selection, Error> {
    if text.trim() == "None" {
        // No selection: the original then changed every cell.
        return Ok(Selection::All);
    }
    let mut parser = Parser { text, at: 0, quantity };
    let selection = parser.expression(0)?;
    match parser.rest().is_empty() {
        true => Ok(selection),
        false => Err(parser.unexpected("the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    quantity: &'a dyn Fn(&str) -> Option<Quantity>,
}

/// A name with what it stands for, or a lasso that began with it.
enum Primary {
    Quantity(Quantity),
    Lasso(Selection),
}

impl<'a> Parser<'a> {
    /// A comparison alone, or selections joined by `|` and `&`, of which the second binds more tightly.
    fn expression(&mut self, depth: usize) -> Result<Selection, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        if self.number_is_next() {
            return self.comparison_from_number();
        }
        let first = if self.rest().starts_with("dim(") {
            match self.primary()? {
                Primary::Quantity(of) => return self.comparison(of),
                Primary::Lasso(lasso) => lasso,
            }
        } else {
            self.unary(depth)?
        };
        let mut either = vec![self.all_of(first, depth)?];
        while self.take("|") {
            let next = self.unary(depth)?;
            either.push(self.all_of(next, depth)?);
        }
        Ok(one_or(either, Selection::Union))
    }

    fn all_of(&mut self, first: Selection, depth: usize) -> Result<Selection, Error> {
        let mut all = vec![first];
        while self.take("&") {
            all.push(self.unary(depth)?);
        }
        Ok(one_or(all, Selection::Intersection))
    }

    fn unary(&mut self, depth: usize) -> Result<Selection, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        if self.take("~") {
            return Ok(Selection::Complement(Box::new(self.unary(depth + 1)?)));
        }
        if self.rest().starts_with("dim(") {
            return match self.primary()? {
                Primary::Lasso(lasso) => Ok(lasso),
                // Python would compare with what follows the `&`.
                Primary::Quantity(_) => Err(self.unexpected("a parenthesis around the comparison")),
            };
        }
        self.expect("(", "a parenthesis")?;
        let inner = self.expression(depth + 1)?;
        self.expect(")", "a closing parenthesis")?;
        Ok(inner)
    }

    /// `dim('NAME')`, or a lasso.
    fn primary(&mut self) -> Result<Primary, Error> {
        let (of, closed) = self.dimension()?;
        if closed && !self.rest().starts_with(',') {
            return Ok(Primary::Quantity(of));
        }
        self.expect(",", "a lasso")?;
        self.expect("spatial_select", "spatial_select")?;
        self.expect(",", "a comma")?;
        let (other, closed) = self.dimension()?;
        if !closed {
            return Err(self.unexpected("a closing parenthesis"));
        }
        self.expect(",", "a comma")?;
        self.expect("geometry", "geometry")?;
        self.expect("=", "the polygon")?;
        let mut corners = self.polygon()?;
        self.expect(")", "a closing parenthesis")?;

        let swapped =
            matches!((of, other), (Quantity::Lat, Quantity::Lon) | (Quantity::Row, Quantity::Column));
        if swapped {
            corners.iter_mut().for_each(|corner| corner.swap(0, 1));
        }
        let (x, lasso) = match (of, other) {
            (Quantity::Lon, Quantity::Lat) | (Quantity::Lat, Quantity::Lon) => {
                (Quantity::Lon, Selection::Lasso { lon_lat: corners.clone(), column_row: Vec::new() })
            }
            (Quantity::Column, Quantity::Row) | (Quantity::Row, Quantity::Column) => {
                (Quantity::Column, Selection::Lasso { column_row: corners.clone(), lon_lat: Vec::new() })
            }
            _ => return Err(self.unexpected("a lasso over both coordinates of the map")),
        };
        // The original did not go around: what was drawn beyond the edge of the map met no cell.
        let (low, high) = corners
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), c| (low.min(c[0]), high.max(c[0])));
        let drawn = Selection::Range { of: x, from: Some(low), to: Some(high) };
        Ok(Primary::Lasso(Selection::Intersection(vec![lasso, drawn])))
    }

    /// `dim('NAME'` and whether the parenthesis was closed.
    fn dimension(&mut self) -> Result<(Quantity, bool), Error> {
        self.expect("dim(", "a coordinate")?;
        self.skip_blanks();
        let quote = match self.rest().chars().next() {
            Some(quote @ ('\'' | '"')) => quote,
            _ => return Err(self.unexpected("a quoted name")),
        };
        let inside = &self.rest()[1..];
        let Some(length) = inside.find(quote) else { return Err(self.unexpected("a quoted name")) };
        let name = &inside[..length];
        self.at += length + 2;
        let of = (self.quantity)(name).ok_or_else(|| Error::Name { name: name.to_owned() })?;
        Ok((of, self.take(")")))
    }

    fn comparison(&mut self, of: Quantity) -> Result<Selection, Error> {
        let operator = self.operator()?;
        let number = self.number()?;
        Ok(range(of, operator, number))
    }

    /// `4 <= dim('NAME')`.
    fn comparison_from_number(&mut self) -> Result<Selection, Error> {
        let number = self.number()?;
        let operator = match self.operator()? {
            ">=" => "<=",
            "<=" => ">=",
            ">" => "<",
            "<" => ">",
            same => same,
        };
        match self.primary()? {
            Primary::Quantity(of) => Ok(range(of, operator, number)),
            Primary::Lasso(_) => Err(self.unexpected("a coordinate")),
        }
    }

    fn operator(&mut self) -> Result<&'static str, Error> {
        let operators = [">=", "<=", "==", "!=", ">", "<"];
        match operators.into_iter().find(|operator| self.take(operator)) {
            Some(operator) => Ok(operator),
            None => Err(self.unexpected("a comparison")),
        }
    }

    /// `array([[x, y], ...])`.
    fn polygon(&mut self) -> Result<Vec<Point>, Error> {
        self.expect("array(", "the polygon")?;
        self.expect("[", "the corners")?;
        let mut corners = Vec::new();
        loop {
            if self.take("...") {
                return Err(Error::Shortened);
            }
            self.expect("[", "a corner")?;
            let x = self.number()?;
            self.expect(",", "a comma")?;
            let y = self.number()?;
            self.expect("]", "the end of the corner")?;
            corners.push([x, y]);
            if !self.take(",") {
                break;
            }
        }
        self.expect("]", "the end of the corners")?;
        if self.take(",") {
            self.expect("dtype=", "the type of the corners")?;
            let known = ["float64", "float32", "int64", "int32"];
            if !known.into_iter().any(|kind| self.take(kind)) {
                return Err(self.unexpected("a type of numbers"));
            }
        }
        self.expect(")", "a closing parenthesis")?;
        Ok(corners)
    }

    fn number_is_next(&self) -> bool {
        self.rest().starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
    }

    fn number(&mut self) -> Result<f64, Error> {
        self.skip_blanks();
        let rest = self.rest();
        let mut before = ' ';
        let length = rest
            .find(|c: char| {
                let part = c.is_ascii_digit()
                    || matches!(c, '.' | 'e' | 'E')
                    || matches!(c, '-' | '+') && matches!(before, ' ' | 'e' | 'E');
                before = c;
                !part
            })
            .unwrap_or(rest.len());
        match rest[..length].parse::<f64>() {
            Ok(number) if number.is_finite() => {
                self.at += length;
                Ok(number)
            }
            _ => Err(self.unexpected("a number")),
        }
    }

    /// What is left, without leading blanks.
    fn rest(&self) -> &'a str {
        self.text[self.at..].trim_start()
    }

    /// Goes to where [`rest`](Self::rest) begins.
    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().len();
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_blanks();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str, expected: &'static str) -> Result<(), Error> {
        if self.take(token) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn unexpected(&self, expected: &'static str) -> Error {
        let found: String = self.rest().chars().take(20).collect();
        let at = self.text[..self.text.len() - self.rest().len()].chars().count() + 1;
        Error::Syntax { found: if found.is_empty() { "nothing".to_owned() } else { found }, at, expected }
    }
}

fn one_or(mut parts: Vec<Selection>, many: impl Fn(Vec<Selection>) -> Selection) -> Selection {
    match parts.len() {
        1 => parts.remove(0),
        _ => many(parts),
    }
}

/// A comparison as a range with its limits included: strict ones end at the next number.
fn range(of: Quantity, operator: &str, number: f64) -> Selection {
    let range = |from, to| Selection::Range { of, from, to };
    match operator {
        ">=" => range(Some(number), None),
        "<=" => range(None, Some(number)),
        ">" => range(Some(number.next_up()), None),
        "<" => range(None, Some(number.next_down())),
        "!=" => Selection::Complement(Box::new(range(Some(number), Some(number)))),
        _ => range(Some(number), Some(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(name: &str) -> Option<Quantity> {
        match name {
            "lon" => Some(Quantity::Lon),
            "lat" => Some(Quantity::Lat),
            "x" => Some(Quantity::Column),
            "y" => Some(Quantity::Row),
            "topo" => Some(Quantity::Value),
            _ => None,
        }
    }

    fn read_selection(text: &str) -> Result<Selection, Error> {
        selection(text, &names)
    }

    fn value(from: Option<f64>, to: Option<f64>) -> Selection {
        Selection::Range { of: Quantity::Value, from, to }
    }

    #[test]
    fn and_binds_more_tightly_than_or() {
        let [a, b, c] = [-1.0, 2.0, 3.5].map(|x| value(Some(x), None));
        let text = "(dim('topo')>=-1)|(dim('topo')>=2) & (dim(\"topo\") >= 3.5)";
        let expected = Selection::Union(vec![a.clone(), Selection::Intersection(vec![b.clone(), c.clone()])]);
        assert_eq!(read_selection(text), Ok(expected));
        let text = "((dim('topo')>=-1)|(dim('topo')>=2))&~(dim('topo')>=3.5e0)";
        let not_c = Selection::Complement(Box::new(c));
        let expected = Selection::Intersection(vec![Selection::Union(vec![a, b]), not_c]);
        assert_eq!(read_selection(text), Ok(expected));
    }

    #[test]
    fn comparisons_of_every_kind() {
        assert_eq!(read_selection("dim('topo')<5"), Ok(value(None, Some(5.0_f64.next_down()))));
        assert_eq!(read_selection("(5>dim('topo'))"), Ok(value(None, Some(5.0_f64.next_down()))));
        assert_eq!(read_selection("(dim('topo')==-1e-3)"), Ok(value(Some(-1e-3), Some(-1e-3))));
        let other = Selection::Complement(Box::new(value(Some(2.0), Some(2.0))));
        assert_eq!(read_selection("(dim('topo')!=2)"), Ok(other));
        assert_eq!(read_selection("None"), Ok(Selection::All));
    }

    #[test]
    fn a_lasso_is_read_as_both_releases_wrote_it() {
        let lasso = Selection::Intersection(vec![
            Selection::Lasso { lon_lat: vec![[1.0, 2.5], [-3.0, 4.0], [5.0, -6.0]], column_row: Vec::new() },
            Selection::Range { of: Quantity::Lon, from: Some(-3.0), to: Some(5.0) },
        ]);
        let corners = "geometry=array([[ 1. ,  2.5],\n       [-3. ,  4. ],\n       [ 5. , -6. ]]))";
        assert_eq!(
            read_selection(&format!("dim('lon', spatial_select, dim('lat'), {corners}")),
            Ok(lasso.clone())
        );
        assert_eq!(
            read_selection(&format!("dim('lon'), spatial_select, dim('lat'), {corners}")),
            Ok(lasso.clone())
        );
        let both = Selection::Union(vec![value(Some(0.0), None), lasso]);
        let text = format!("(dim('topo')>=0)|(dim('lon', spatial_select, dim('lat'), {corners})");
        assert_eq!(read_selection(&text), Ok(both));
        let text =
            "dim('y', spatial_select, dim('x'), geometry=array([[1, 2], [3, 4], [5, 0]], dtype=int64))";
        let Ok(Selection::Intersection(parts)) = read_selection(text) else { panic!("no lasso") };
        let swapped = vec![[2.0, 1.0], [4.0, 3.0], [0.0, 5.0]];
        assert_eq!(parts[0], Selection::Lasso { column_row: swapped, lon_lat: Vec::new() });
    }

    #[test]
    fn nothing_else_is_understood() {
        for text in [
            "",
            "__import__('os').system('true')",
            "dim('topo')>=1&(dim('topo')<=2)",
            "(dim('topo')>=1)&dim('topo')<=2",
            "(dim('topo')>=1",
            "(dim('topo')>=1))",
            "(dim('topo')>=inf)",
            "(dim('topo')>=1).sum()",
            "dim('topo')",
            "dim('topo', spatial_select, dim('lat'), geometry=array([[1, 2]]))",
            "dim('lon', spatial_select, dim('lat'), geometry=array([]))",
            "dim('lon', print, dim('lat'), geometry=array([[1, 2]]))",
            "dim('topo",
            "é",
        ] {
            let error = read_selection(text).unwrap_err();
            assert!(matches!(error, Error::Syntax { .. }), "{text}: {error}");
        }
        let error = read_selection("(dim('salinity')>=1)").unwrap_err();
        assert_eq!(error, Error::Name { name: "salinity".to_owned() });
        let text = "dim('lon', spatial_select, dim('lat'), geometry=array([[1, 2], ..., [3, 4]]))";
        assert_eq!(read_selection(text), Err(Error::Shortened));
        assert_eq!(read_selection(&"(".repeat(100_000)), Err(Error::TooDeep));
        assert_eq!(read_selection(&"~".repeat(100_000)), Err(Error::TooDeep));
    }

    #[test]
    fn the_generation_of_a_list_shows_in_what_it_says() {
        let entry = |kind: &str| {
            serde_json::json!({"selection_expr": "(dim('topo')>=0)", "calculation_type": kind, "value": 5, "land": true,
                "ocean": false})
        };
        let rules = |kinds: &[&str]| {
            let entries: Vec<Value> = kinds.iter().map(|kind| entry(kind)).collect();
            read(&entries, names).into_iter().map(|stored| stored.action.map(|a| a.rules)).collect::<Vec<_>>()
        };
        assert_eq!(rules(&["Absolute", "Relatif"]), [Ok(Rules::R2021), Ok(Rules::R2021)]);
        assert_eq!(rules(&["Absolute", "Relative"]), [Ok(Rules::Current), Ok(Rules::Current)]);
        let unknown = Error::Calculation { kind: "Rescale".to_owned() };
        assert_eq!(rules(&["Rescale", "Absolute"]), [Err(unknown), Ok(Rules::R2021)]);
        let stored = read(&[serde_json::json!({"value": "5"})], names);
        assert_eq!(stored[0].action, Err(Error::Field { field: "value" }));
        assert_eq!(stored[0].entry, serde_json::json!({"value": "5"}));
    }
}
