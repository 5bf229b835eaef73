use std::time::Duration;

use serde_json::json;
use workflow::{Key, Message, Step, Task};

use super::{object, on_both};

fn message(n: i32) -> Message {
    Message::new(Key::Request(Task::Step(Step::Regrid)), object(json!({ "id": n })))
}

on_both!(messages_come_in_order_and_each_once, |bench| {
    let store = &bench.store;
    let messages: Vec<_> = (0..5).map(|n| ("q".to_owned(), message(n))).collect();
    store.enqueue(messages.clone()).unwrap();
    // The same ids again fold.
    store.enqueue(messages.clone()).unwrap();
    assert_eq!((store.depth("q").unwrap(), store.depth("other").unwrap()), (5, 0));
    let first = store.lease("q", 2).unwrap();
    let second = store.lease("q", 10).unwrap();
    let bodies: Vec<i32> =
        first.iter().chain(&second).map(|leased| leased.message.data_file().unwrap()).collect();
    assert_eq!(bodies, [0, 1, 2, 3, 4]);
    assert!(store.lease("q", 10).unwrap().is_empty());
    store.ack(first[0].ticket).unwrap();
    assert_eq!(store.depth("q").unwrap(), 4);
    store.release_leases().unwrap();
    let again = store.lease("q", 10).unwrap();
    assert_eq!((again.len(), again[0].attempt, again[0].message.clone()), (4, 2, messages[1].1.clone()));
});

on_both!(a_put_off_message_comes_later_and_a_buried_one_never, |bench| {
    let store = &bench.store;
    store.enqueue(vec![("q".to_owned(), message(1)), ("q".to_owned(), message(2))]).unwrap();
    let leased = store.lease("q", 2).unwrap();
    store.retry_later(leased[0].ticket, Duration::from_secs(3600)).unwrap();
    assert!(store.lease("q", 2).unwrap().is_empty());
    store.retry_later(leased[0].ticket, Duration::ZERO).unwrap();
    assert_eq!(store.lease("q", 2).unwrap()[0].attempt, 2);
    store.dead_letter(leased[1].ticket, "no such task").unwrap();
    store.release_leases().unwrap();
    assert_eq!(store.depth("q").unwrap(), 1);
    let letters = store.dead_letters(10).unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (letters[0].reason.as_str(), letters[0].queue.as_str(), letters[0].attempts),
        ("no such task", "q", 1)
    );
});

on_both!(no_message_is_leased_twice, |bench| {
    let store = &bench.store;
    store.enqueue((0..60).map(|n| ("q".to_owned(), message(n))).collect()).unwrap();
    let mut seen: Vec<i32> = std::thread::scope(|scope| {
        let consumers: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = Vec::new();
                    loop {
                        let leased = store.lease("q", 3).unwrap();
                        if leased.is_empty() && store.depth("q").unwrap() == 0 {
                            return seen;
                        }
                        for one in leased {
                            seen.push(one.message.data_file().unwrap());
                            store.ack(one.ticket).unwrap();
                        }
                    }
                })
            })
            .collect();
        consumers.into_iter().flat_map(|consumer| consumer.join().unwrap()).collect()
    });
    seen.sort_unstable();
    assert_eq!(seen, (0..60).collect::<Vec<_>>());
});

on_both!(a_consumer_is_woken, |bench| {
    let store = &bench.store;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let wakeup = store.queue_wakeup("q");
        store.enqueue(vec![("q".to_owned(), message(1))]).unwrap();
        tokio::time::timeout(Duration::from_secs(60), wakeup.notified()).await.unwrap();
    });
});
