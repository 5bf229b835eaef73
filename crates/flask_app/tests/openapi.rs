//! The committed description of the API is that of the code.

#[test]
fn the_committed_description_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let now = flask_app::api::openapi_json();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        now == committed,
        "openapi.json is out of date: run the tests of flask_app once with UPDATE_OPENAPI=1"
    );
}
