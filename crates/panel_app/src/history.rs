//! The history of a draft, as its events tell it.
//!
//! An event is what somebody did, undoing included; the history is a list of commands with a cursor. Both are plain
//! data: the same events always give the same history.

use boundary::edit::{Action, Command};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::DraftEvent;
use uuid::Uuid;

/// What somebody did. Stored as JSON; what was stored once is read for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Event {
    /// Did an action on the plane `at`.
    Apply {
        /// Positions along the dimensions before rows and columns.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        at: Vec<usize>,
        action: Box<Action>,
    },
    /// Took the action of the event `number` out, or put it in again.
    Toggle {
        number: i64,
    },
    Undo,
    Redo,
    /// Went back to the history as it was after the event `to`.
    Restore {
        to: i64,
    },
    /// Gave the history a name.
    Snapshot {
        name: String,
    },
    /// Moved the draft to another revision.
    Rebase,
}

/// A command of the history.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    /// The number of its event.
    pub(crate) number: i64,
    pub(crate) at: Vec<usize>,
    pub(crate) what: EventKind,
    pub(crate) author: String,
    pub(crate) created: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum EventKind {
    Apply(Box<Action>),
    /// Of the item with this number.
    Toggle(i64),
}

/// A named point of the history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Snapshot {
    pub(crate) name: String,
    pub(crate) sequence: i64,
    pub(crate) created: String,
    /// Commands that were done then.
    pub(crate) actions: usize,
}

/// Commands with a cursor, and the named points.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct History {
    /// All commands; those from `cursor` on are undone.
    pub(crate) items: Vec<Item>,
    pub(crate) cursor: usize,
    pub(crate) snapshots: Vec<Snapshot>,
    /// The number of the last event.
    pub(crate) sequence: i64,
    /// The events themselves, for going back.
    events: Vec<DraftEvent>,
    /// For each event, the position of the last one that made the items and the cursor what they are after it: itself,
    /// an earlier one, or none. What was gone back over is passed over, however often.
    makers: Vec<Option<usize>>,
}

/// Why an event has no meaning now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HistoryError {
    #[error("There is nothing to undo.")]
    NothingToUndo,
    #[error("There is nothing to redo.")]
    NothingToRedo,
    #[error("There is no action {0} that could be taken out: it is undone or gone.")]
    NoAction(i64),
    #[error("There is no point {0} in the history to go back to.")]
    NoPoint(i64),
    #[error("An event of this draft was written by a newer release: {0}")]
    Unreadable(String),
}

impl History {
    /// The history that these events tell.
    pub(crate) fn from_events(events: Vec<DraftEvent>) -> Result<Self, HistoryError> {
        let mut history = Self::default();
        for event in events {
            history.take(event)?;
        }
        Ok(history)
    }

    /// Follows one more event.
    ///
    /// # Errors
    /// An event that has no meaning here; the history is then as before.
    pub(crate) fn take(&mut self, stored: DraftEvent) -> Result<(), HistoryError> {
        let event = parsed(&stored.event)?;
        self.check(&event)?;
        let maker = match event {
            Event::Restore { to } => self.maker(to),
            Event::Snapshot { .. } | Event::Rebase => self.maker(self.sequence),
            _ => Some(self.events.len()),
        };
        match event {
            Event::Apply { at, action } => self.push(&stored, at, EventKind::Apply(action)),
            Event::Toggle { number } => {
                let at = self.item(number).map(|item| item.at.clone()).unwrap_or_default();
                self.push(&stored, at, EventKind::Toggle(number));
            }
            Event::Undo => self.cursor -= 1,
            Event::Redo => self.cursor += 1,
            Event::Restore { to } => {
                let then = Self::from_events(self.making(to))?;
                (self.items, self.cursor) = (then.items, then.cursor);
            }
            Event::Snapshot { name } => self.snapshots.push(Snapshot {
                name,
                sequence: stored.sequence,
                created: stored.created_at.clone(),
                actions: self.cursor,
            }),
            Event::Rebase => {}
        }
        self.sequence = stored.sequence;
        self.events.push(stored);
        self.makers.push(maker);
        Ok(())
    }

    /// The position of the last event that made what there was after the event `sequence`.
    fn maker(&self, sequence: i64) -> Option<usize> {
        let until = self.events.partition_point(|event| event.sequence <= sequence);
        until.checked_sub(1).and_then(|last| self.makers[last])
    }

    /// The events that made what there was after the event `sequence`, in order; none of them goes back.
    fn making(&self, sequence: i64) -> Vec<DraftEvent> {
        let before = |&at: &usize| at.checked_sub(1).and_then(|before| self.makers[before]);
        let mut making: Vec<DraftEvent> =
            std::iter::successors(self.maker(sequence), before).map(|at| self.events[at].clone()).collect();
        making.reverse();
        making
    }

    /// Says whether an event has a meaning now.
    pub(crate) fn check(&self, event: &Event) -> Result<(), HistoryError> {
        match event {
            Event::Undo if self.cursor == 0 => Err(HistoryError::NothingToUndo),
            Event::Redo if self.cursor == self.items.len() => Err(HistoryError::NothingToRedo),
            Event::Toggle { number } => match self.item(*number) {
                Some(Item { what: EventKind::Apply(_), .. }) => Ok(()),
                _ => Err(HistoryError::NoAction(*number)),
            },
            Event::Restore { to } if !(0..=self.sequence).contains(to) => Err(HistoryError::NoPoint(*to)),
            _ => Ok(()),
        }
    }

    /// Whether the click with that key is in it.
    pub(crate) fn has(&self, key: Uuid) -> bool {
        self.events.iter().any(|event| event.key == key)
    }

    fn push(&mut self, stored: &DraftEvent, at: Vec<usize>, what: EventKind) {
        self.items.truncate(self.cursor);
        self.items.push(Item {
            number: stored.sequence,
            at,
            what,
            author: stored.author.clone(),
            created: stored.created_at.clone(),
        });
        self.cursor = self.items.len();
    }

    /// The done command with that number.
    fn item(&self, number: i64) -> Option<&Item> {
        self.items[..self.cursor].iter().find(|item| item.number == number)
    }

    /// The commands of a plane with their numbers, and how many of them are done.
    pub(crate) fn commands(&self, at: &[usize]) -> (Vec<(i64, Command)>, usize) {
        let own = || self.items.iter().enumerate().filter(|(_, item)| item.at == at);
        let numbers: Vec<i64> = own().map(|(_, item)| item.number).collect();
        let commands = own()
            .map(|(_, item)| {
                let command = match &item.what {
                    EventKind::Apply(action) => Command::Apply(action.clone()),
                    EventKind::Toggle(target) => {
                        // A toggle comes after its action, on the same plane.
                        let local = numbers.iter().position(|number| number == target);
                        Command::Toggle(local.unwrap_or(usize::MAX))
                    }
                };
                (item.number, command)
            })
            .collect();
        (commands, own().filter(|(k, _)| *k < self.cursor).count())
    }

    /// The position among the commands of its plane of the command with that number.
    pub(crate) fn local(&self, number: i64) -> Option<usize> {
        let at = &self.items.iter().find(|item| item.number == number)?.at;
        self.items.iter().filter(|item| item.at == *at).position(|item| item.number == number)
    }

    /// The planes that have been edited.
    pub(crate) fn planes(&self) -> Vec<Vec<usize>> {
        let mut planes: Vec<Vec<usize>> = self.items.iter().map(|item| item.at.clone()).collect();
        planes.sort();
        planes.dedup();
        planes
    }

    /// Whether the action of each command is in effect, in the order of `items`.
    pub(crate) fn statuses(&self) -> Vec<&'static str> {
        let mut out = vec![false; self.items.len()];
        for item in &self.items[..self.cursor] {
            if let EventKind::Toggle(target) = item.what
                && let Some(k) = self.items.iter().position(|item| item.number == target)
            {
                out[k] = !out[k];
            }
        }
        let status = |(k, out): (usize, bool)| match out {
            _ if k >= self.cursor => "undone",
            true => "reverted",
            false => "active",
        };
        out.into_iter().enumerate().map(status).collect()
    }
}

fn parsed(event: &Value) -> Result<Event, HistoryError> {
    Event::deserialize(event).map_err(|error| HistoryError::Unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use boundary::edit::{Operation, Selection};

    fn history(events: Vec<Event>) -> Result<History, HistoryError> {
        let stored = (1..).zip(events).map(|(sequence, event)| DraftEvent {
            sequence,
            key: Uuid::new_v4(),
            author: "t1".into(),
            event: serde_json::to_value(event).unwrap(),
            created_at: String::new(),
        });
        History::from_events(stored.collect())
    }

    fn apply(at: &[usize], value: f64) -> Event {
        let action = Action::new(Operation::Absolute { value }, Selection::All);
        Event::Apply { at: at.to_vec(), action: Box::new(action) }
    }

    /// The values that the actions in effect set.
    fn values(history: &History) -> Vec<f64> {
        let active = history.items.iter().zip(history.statuses()).filter(|(_, status)| *status == "active");
        active
            .filter_map(|(item, _)| match &item.what {
                EventKind::Apply(action) => match action.operation {
                    Operation::Absolute { value } => Some(value),
                    _ => None,
                },
                EventKind::Toggle(_) => None,
            })
            .collect()
    }

    #[test]
    fn undo_and_redo_move_the_cursor_and_an_action_forgets_what_was_undone() {
        let h =
            history(vec![apply(&[], 1.0), apply(&[], 2.0), Event::Undo, Event::Undo, Event::Redo]).unwrap();
        assert_eq!((h.cursor, h.sequence, values(&h)), (1, 5, vec![1.0]));
        assert_eq!(h.statuses(), ["active", "undone"]);
        let h = history(vec![apply(&[], 1.0), apply(&[], 2.0), Event::Undo, apply(&[], 3.0)]).unwrap();
        assert_eq!(values(&h), [1.0, 3.0]);
        assert_eq!(history(vec![Event::Undo]), Err(HistoryError::NothingToUndo));
        assert_eq!(history(vec![apply(&[], 1.0), Event::Redo]), Err(HistoryError::NothingToRedo));
    }

    #[test]
    fn an_earlier_action_is_taken_out_and_put_in_again() {
        let mut events = vec![apply(&[], 1.0), apply(&[], 2.0), Event::Toggle { number: 1 }];
        let h = history(events.clone()).unwrap();
        assert_eq!((values(&h), h.statuses()), (vec![2.0], vec!["reverted", "active", "active"]));
        events.push(Event::Toggle { number: 1 });
        assert_eq!(values(&history(events.clone()).unwrap()), [1.0, 2.0]);
        events.push(Event::Undo);
        assert_eq!(values(&history(events.clone()).unwrap()), [2.0]);
        events.push(Event::Toggle { number: 3 });
        assert_eq!(history(events), Err(HistoryError::NoAction(3)));
    }

    #[test]
    fn going_back_to_a_point_brings_back_what_was_then_even_if_it_was_forgotten_since() {
        let events = vec![
            apply(&[], 1.0),
            apply(&[], 2.0),
            Event::Snapshot { name: "two".into() },
            Event::Undo,
            apply(&[], 3.0),
            Event::Restore { to: 3 },
        ];
        let mut h = history(events.clone()).unwrap();
        assert_eq!((values(&h), h.snapshots.len(), h.snapshots[0].actions), (vec![1.0, 2.0], 1, 2));
        for (to, expected) in [(0, vec![]), (5, vec![1.0, 3.0]), (6, vec![1.0, 2.0])] {
            let mut events = events.clone();
            events.push(Event::Restore { to });
            h = history(events).unwrap();
            assert_eq!(values(&h), expected, "{to}");
        }
        assert_eq!(history(vec![Event::Restore { to: 1 }]), Err(HistoryError::NoPoint(1)));
    }

    /// Each of them goes back to what another made, which would double the work if it were all done anew.
    #[test]
    fn going_back_and_forth_a_thousand_times_is_soon_done() {
        let mut events = vec![apply(&[], 1.0), Event::Undo, apply(&[], 2.0), apply(&[], 3.0)];
        for k in 0..1000_i64 {
            // To what there was before the last time.
            let to = match k {
                0 => 1,
                1 => 4,
                _ => 3 + 2 * k,
            };
            events.push(Event::Snapshot { name: format!("before going back to {to}") });
            events.push(Event::Restore { to });
        }
        let mut h = history(events.clone()).unwrap();
        assert_eq!((values(&h), h.snapshots.len()), (vec![2.0, 3.0], 1000));
        assert_eq!(values(&history(events[..events.len() - 2].to_vec()).unwrap()), [1.0]);
        // It goes on from there like from any other state.
        events.extend([Event::Undo, Event::Toggle { number: 3 }, Event::Restore { to: 2004 }, Event::Redo]);
        assert_eq!(history(events.clone()), Err(HistoryError::NothingToRedo));
        events.pop();
        events.push(Event::Undo);
        h = history(events).unwrap();
        assert_eq!((values(&h), h.cursor, h.items.len()), (vec![2.0], 1, 2));
    }

    #[test]
    fn every_plane_has_its_own_commands() {
        let h = history(vec![
            apply(&[0], 1.0),
            apply(&[3], 2.0),
            apply(&[0], 3.0),
            Event::Toggle { number: 3 },
            Event::Undo,
        ])
        .unwrap();
        assert_eq!(h.planes(), [vec![0], vec![3]]);
        let (commands, cursor) = h.commands(&[0]);
        assert_eq!((commands.len(), cursor), (3, 2));
        assert_eq!(commands[2].1, Command::Toggle(1));
        assert_eq!((h.local(3), h.local(2), h.local(9)), (Some(1), Some(0), None));
    }

    #[test]
    fn an_event_of_a_newer_release_is_refused() {
        let stored = DraftEvent {
            sequence: 1,
            key: Uuid::new_v4(),
            author: String::new(),
            event: serde_json::json!({ "do": "something new" }),
            created_at: String::new(),
        };
        assert!(matches!(History::from_events(vec![stored]), Err(HistoryError::Unreadable(_))));
    }
}
