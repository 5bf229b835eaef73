//! Which queues a key goes to, and which keys must have one.

use workflow::message::TOPOLOGY;
use workflow::{Key, Worker};

/// The queues that take a message with `key`.
pub(crate) fn queues(key: &str) -> Vec<&'static str> {
    TOPOLOGY
        .iter()
        .filter(|(_, bindings)| bindings.iter().any(|binding| matches(binding, key)))
        .map(|(queue, _)| *queue)
        .collect()
}

/// False for the keys that nobody has to listen to.
pub(crate) fn needs_queue(key: &str) -> bool {
    !matches!(key.parse(), Ok(Key::ForWorker(_, Worker::Panel) | Key::Progress(_) | Key::Failed(_)))
}

/// A topic binding in which `*` stands for one word (the platform uses no `#`).
fn matches(binding: &str, key: &str) -> bool {
    let (mut binding, mut key) = (binding.split('.'), key.split('.'));
    loop {
        match (binding.next(), key.next()) {
            (None, None) => return true,
            (Some(pattern), Some(word)) if pattern == "*" || pattern == word => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_exactly_one_word() {
        assert!(matches("preprocessing.*", "preprocessing.regrid"));
        assert!(!matches("preprocessing.*", "preprocessing.regrid.done"));
        assert!(!matches("preprocessing.*", "preprocessing"));
        assert!(matches("preprocessing.*.done", "preprocessing.regrid.done"));
        assert!(!matches("preprocessing.*.done", "elsewhere.regrid.done"));
    }

    #[test]
    fn only_what_nobody_must_hear_may_go_unheard() {
        for key in ["preprocessing.regrid", "preprocessing.regrid.done", "preprocessing.pft.python", "odd"] {
            assert!(needs_queue(key), "{key}");
        }
        for key in ["preprocessing.subbasins.panel", "preprocessing.pft.progress", "preprocessing.pft.failed"]
        {
            assert!(!needs_queue(key), "{key}");
        }
    }
}
