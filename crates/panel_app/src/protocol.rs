//! What the page asks: see `PROTOCOL.md`.

use boundary::edit::{Action, Filter, Selection};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// The version that `hello` says.
pub(crate) const VERSION: u32 = 1;

/// A frame from the page.
#[derive(Debug)]
pub(crate) struct Envelope {
    /// Given back with the answer.
    pub(crate) id: Value,
    pub(crate) request: Request,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum Request {
    Change(Change),
    Query(Query),
}

/// A change of the draft, with the key of its click.
#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    pub(crate) key: Uuid,
    #[serde(flatten)]
    pub(crate) what: ChangeKind,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ChangeKind {
    Apply {
        action: Box<Action>,
        #[serde(default)]
        at: Vec<usize>,
        #[serde(default)]
        copy: Option<CopyFrom>,
    },
    Undo,
    Redo,
    Revert {
        number: i64,
    },
    Snapshot {
        name: String,
    },
    Restore {
        sequence: i64,
    },
    Previous,
    Import {
        recipe: Value,
        #[serde(default)]
        at: Option<Vec<usize>>,
    },
    Rebase,
    Save {
        #[serde(default)]
        description: String,
        sequence: i64,
    },
}

impl ChangeKind {
    /// The name in the protocol.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Apply { .. } => "apply",
            Self::Undo => "undo",
            Self::Redo => "redo",
            Self::Revert { .. } => "revert",
            Self::Snapshot { .. } => "snapshot",
            Self::Restore { .. } => "restore",
            Self::Previous => "previous",
            Self::Import { .. } => "import",
            Self::Rebase => "rebase",
            Self::Save { .. } => "save",
        }
    }
}

/// Where an action copies from.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CopyFrom {
    /// The number of a revision of the same workflow.
    pub(crate) revision: i32,
    /// A variable there; the edited one when absent.
    #[serde(default)]
    pub(crate) variable: Option<String>,
}

/// What changes nothing.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Query {
    View(View),
    Mesh {
        #[serde(default)]
        level: Option<u32>,
    },
    Cell {
        /// Column and row.
        cell: [usize; 2],
        #[serde(default)]
        at: Vec<usize>,
    },
    Select {
        #[serde(default)]
        selection: Selection,
        #[serde(default)]
        filter: Filter,
        #[serde(default)]
        at: Vec<usize>,
    },
    Preview {
        action: Box<Action>,
        #[serde(default)]
        at: Vec<usize>,
        #[serde(default)]
        copy: Option<CopyFrom>,
    },
    Histogram {
        #[serde(default = "default_bins")]
        bins: usize,
        #[serde(default)]
        selection: Selection,
        #[serde(default)]
        filter: Filter,
        #[serde(default)]
        at: Vec<usize>,
    },
    List {
        map: String,
        #[serde(default)]
        at: Vec<usize>,
    },
    Fitness {
        #[serde(default)]
        at: Vec<usize>,
    },
    Recipe {
        #[serde(default)]
        at: Option<Vec<usize>>,
    },
    Sources,
    Consequences {
        on: Vec<String>,
    },
    Ping,
}

fn default_bins() -> usize {
    64
}

/// A window of a map.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct View {
    #[serde(default)]
    pub(crate) map: Option<String>,
    #[serde(default)]
    pub(crate) variable: Option<String>,
    #[serde(default)]
    pub(crate) revision: Option<i32>,
    #[serde(default)]
    pub(crate) at: Vec<usize>,
    #[serde(default)]
    pub(crate) level: Option<u32>,
    /// First column, first row, columns, rows, in cells of the level.
    #[serde(default)]
    pub(crate) window: Option<[usize; 4]>,
}

/// Reads a frame.
///
/// # Errors
/// What is wrong with it, and its id if it has one.
pub(crate) fn parse(text: &str) -> Result<Envelope, (Option<Value>, String)> {
    let value: Value = serde_json::from_str(text).map_err(|error| (None, format!("no JSON: {error}")))?;
    let id = value.get("id").cloned();
    let Some(kind) = value.get("type").and_then(Value::as_str) else {
        return Err((id, "a request has a 'type'".to_owned()));
    };
    // One of the two lists of requests: which, the key says; errors then name the field.
    let changes =
        ["apply", "undo", "redo", "revert", "snapshot", "restore", "previous", "import", "rebase", "save"];
    let request = if changes.contains(&kind) {
        Change::deserialize(&value).map(Request::Change)
    } else {
        Query::deserialize(&value).map(Request::Query)
    };
    match (request, id) {
        (_, None) => Err((None, "a request has an 'id'".to_owned())),
        (Err(error), id) => Err((id, format!("'{kind}': {error}"))),
        (Ok(request), Some(id)) => Ok(Envelope { id, request }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use boundary::edit::Operation;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_frame_is_a_request_or_an_error_in_words(
            seed in 0_usize..5,
            at in 0_usize..160,
            removed in 0_usize..8,
            put in "[ -~\u{e9}]{0,8}|-?[0-9]{1,25}|null|[\\[{]{0,200}",
        ) {
            const SEEDS: [&str; 5] = [
                r#"{"id":7,"type":"apply","key":"0192f0c1-7bd3-7b9e-a52c-2d8c1d2c9b11","at":[2],"action":{"operation":{"relative":{"value":-200.0}},"selection":{"box":{"lon":[0,10],"lat":[40,50]}}}}"#,
                r#"{"id":4,"type":"undo","key":"0192f0c1-7bd3-7b9e-a52c-2d8c1d2c9b11"}"#,
                r#"{"id":5,"type":"view","window":[0,0,12,8],"level":3}"#,
                r#"{"id":6,"type":"ping"}"#,
                "",
            ];
            let mut frame: Vec<char> = SEEDS[seed].chars().collect();
            let start = at.min(frame.len());
            let end = (start + removed).min(frame.len());
            frame.splice(start..end, put.chars());
            let frame: String = frame.into_iter().collect();
            if let Err((_, message)) = parse(&frame) {
                prop_assert!(!message.is_empty());
            }
        }
    }

    #[test]
    fn requests_are_read_and_what_is_wrong_with_one_is_said() {
        let envelope = parse(
            r#"{"id":7,"type":"apply","key":"0192f0c1-7bd3-7b9e-a52c-2d8c1d2c9b11","at":[2],
                "action":{"operation":{"relative":{"value":-200.0}},"selection":{"box":{"lon":[0,10],"lat":[40,50]}}}}"#,
        )
        .unwrap();
        let Request::Change(Change { what: ChangeKind::Apply { action, at, copy: None }, .. }) =
            envelope.request
        else {
            panic!("{:?}", envelope.request)
        };
        assert_eq!((at, &action.operation), (vec![2], &Operation::Relative { value: -200.0 }));
        for (text, id, expected) in [
            ("{", None, "no JSON"),
            ("[]", None, "'type'"),
            (r#"{"id":1}"#, Some(1), "'type'"),
            (r#"{"type":"ping"}"#, None, "'id'"),
            (r#"{"id":2,"type":"apply"}"#, Some(2), "key"),
            (r#"{"id":3,"type":"dance"}"#, Some(3), "dance"),
            (r#"{"id":4,"type":"undo","key":"x"}"#, Some(4), "UUID"),
            (r#"{"id":5,"type":"view","window":[1,2]}"#, Some(5), "length 4"),
        ] {
            let (answered, message) = parse(text).unwrap_err();
            assert_eq!(answered, id.map(Value::from), "{text}");
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
