use super::{on_both, user};
use crate::{Error, PasswordChange, SessionId};

on_both!(a_password_is_verified_and_a_name_is_unique, |bench| {
    let store = &bench.store;
    let id = store.create_user("Zoë O'Neil", "correct horse").unwrap();
    assert_eq!(store.authenticate("Zoë O'Neil", "correct horse").unwrap().unwrap().id, id);
    assert_eq!(store.authenticate("Zoë O'Neil", "wrong").unwrap(), None);
    assert_eq!(store.authenticate("nobody", "correct horse").unwrap(), None);
    assert!(matches!(store.create_user("Zoë O'Neil", "x"), Err(Error::NameTaken { .. })));
    assert!(matches!(store.create_user("  ", "x"), Err(Error::Invalid { .. })));
    assert!(matches!(store.create_user("x", ""), Err(Error::Invalid { .. })));
    assert!(matches!(store.create_user("x\0y", "long enough"), Err(Error::Invalid { .. })));
    assert_eq!(store.authenticate("Zoë O'Neil\0", "correct horse").unwrap(), None);
    assert_eq!(store.user_by_name("Zoë O'Neil\0x").unwrap(), None);
    assert_eq!(store.user(id).unwrap().unwrap().name, "Zoë O'Neil");
    assert_eq!(store.user_by_name("Zoë O'Neil").unwrap().unwrap().id, id);
});

on_both!(a_changed_password_closes_the_other_sessions, |bench| {
    let store = &bench.store;
    let id = user(store, "alice");
    let (here, there) = (store.create_session(id).unwrap(), store.create_session(id).unwrap());
    let keep = store.session(&here.0).unwrap().unwrap().id;
    let change = |old| store.change_password(id, old, "another password", Some(&keep)).unwrap();
    assert_eq!(change("wrong"), PasswordChange::WrongPassword);
    assert!(store.session(&there.0).unwrap().is_some());
    assert_eq!(change("a long password"), PasswordChange::Changed);
    assert!(store.session(&here.0).unwrap().is_some());
    assert!(store.session(&there.0).unwrap().is_none());
    store.set_password(id, "third").unwrap();
    assert!(store.session(&here.0).unwrap().is_none());
    assert!(store.authenticate("alice", "third").unwrap().is_some());
});

on_both!(names_are_found_by_their_beginning_only, |bench| {
    let store = &bench.store;
    for name in ["Anna", "anton", "bert", "an_x", "a%b", "back\\slash"] {
        user(store, name);
    }
    let names = |prefix: &str| {
        let mut names: Vec<String> =
            store.names_like(prefix, 10).unwrap().into_iter().map(|u| u.name).collect();
        names.sort();
        names
    };
    assert_eq!(names("an"), ["Anna", "an_x", "anton"]);
    assert_eq!(names("an_"), ["an_x"]);
    assert_eq!(names("a%"), ["a%b"]);
    assert_eq!(names("back\\"), ["back\\slash"]);
    assert_eq!(store.names_like("", 2).unwrap().len(), 2);
});

on_both!(a_flash_is_shown_once, |bench| {
    let store = &bench.store;
    let id = user(store, "alice");
    let token = store.create_session(id).unwrap();
    let session = store.session(&token.0).unwrap().unwrap();
    assert!(session.flashes.is_empty());
    assert_ne!(session.csrf, token.0);
    store.add_flash(&session.id, "message", "one").unwrap();
    store.add_flash(&session.id, "error", "two").unwrap();
    assert_eq!(store.session(&token.0).unwrap().unwrap().flashes.len(), 2);
    let texts: Vec<String> = store.take_flashes(&session.id).unwrap().into_iter().map(|f| f.text).collect();
    assert_eq!(texts, ["one", "two"]);
    assert!(store.take_flashes(&session.id).unwrap().is_empty());
    store.delete_session(&session.id).unwrap();
    assert!(store.session(&token.0).unwrap().is_none());
    store.add_flash(&SessionId("gone".to_owned()), "message", "x").unwrap();
    assert!(store.session("forged").unwrap().is_none());
});

on_both!(a_token_names_its_user_until_it_is_revoked, |bench| {
    let store = &bench.store;
    let (alice, bob) = (user(store, "alice"), user(store, "bob"));
    let token = store.create_token(alice, "script").unwrap();
    assert_eq!(store.user_by_token(&token).unwrap().unwrap().id, alice);
    assert_eq!(store.user_by_token(&token).unwrap().unwrap().id, alice);
    let listed = store.tokens(alice).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].label, "script");
    assert!(listed[0].last_used.is_some());
    assert!(store.tokens(bob).unwrap().is_empty());
    assert!(matches!(store.revoke_token(bob, listed[0].id), Err(Error::NotFound { .. })));
    store.revoke_token(alice, listed[0].id).unwrap();
    assert_eq!(store.user_by_token(&token).unwrap(), None);
});

#[test]
fn the_key_is_made_once_and_private() {
    use std::os::unix::fs::PermissionsExt;
    let bench = super::Bench::sqlite();
    let key = bench.store.secret_key().unwrap();
    assert_eq!(bench.store.secret_key().unwrap(), key);
    let mode = std::fs::metadata(bench.config.instance.join("secret_key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::write(bench.config.instance.join("secret_key"), "short").unwrap();
    assert!(matches!(bench.store.secret_key(), Err(Error::Unreadable { .. })));
}
