//! Any text as a message of the bus.
#![no_main]

use libfuzzer_sys::fuzz_target;
use workflow::Message;

fuzz_target!(|text: &str| {
    if let Ok(message) = serde_json::from_str::<Message>(text) {
        let written = serde_json::to_string(&message).expect("a message is JSON");
        let again: Message = serde_json::from_str(&written).expect("its own JSON");
        assert_eq!(again.id, message.id);
        assert_eq!(again.key, message.key);
        let _ = message.key.parse::<workflow::Key>();
    }
});
