//! Files as people have them, in the editor: opened, edited, saved, and opened again with what was edited.

use dataset::cf::{Guess, guess};
use serde_json::{Map, Value, json};
use store::DataFileId;
use testkit::real_files::{self, Expected, RealFile};

use crate::harness::{Server, Tab, User};

/// Stores a file as an upload does.
fn upload(server: &Server, user: &User, file: &RealFile) -> DataFileId {
    let staged = server.store.stage(".nc").unwrap();
    std::fs::write(staged.path(), &file.bytes).unwrap();
    let known = dataset::File::open(staged.path()).ok().map(|opened| guess(opened.header()));
    let id = server
        .store
        .create_data_file(user.id, &file.name, Map::new(), store::Release::default(), staged)
        .unwrap();
    if let Some(Guess::Certain { lon, lat }) = known {
        server.store.set_coordinates(id, &lon, &lat).unwrap();
    }
    id
}

/// Some cells, the edited one last.
async fn cells(tab: &mut Tab, at: &[usize]) -> Vec<Value> {
    let mut values = Vec::new();
    for cell in [[0, 0], [5, 3], [7, 4], [20, 9], [15, 11]] {
        let told = tab.ask(json!({ "type": "cell", "at": at, "cell": cell })).await;
        values.push(told.head["value"].clone());
    }
    values
}

/// Sets one cell to `value` and saves: that cell has the value then, and no other is another.
async fn edited(
    server: &Server,
    user: &User,
    file: &RealFile,
    variable: &str,
    value: f64,
) -> Result<(), String> {
    let id = upload(server, user, file);
    let path = format!("value_changer?id={id}&file_type=raw&variable={variable}");
    let (status, page) = server.get(Some(user), &format!("/panel/{path}")).await;
    if status != 200 {
        return Err(format!("{status}: {page}"));
    }
    let mut tab = Tab::open(&server.address, &user.cookie, &path).await?;
    if tab.hello["writable"] == json!(false) {
        return Err(format!("not writable: {}", tab.hello));
    }
    let joined = tab.hello["periodic"] == json!(true);
    if !joined {
        return Err("the seas are not joined across the date line".to_owned());
    }
    let selection = json!({ "cells": [{ "row": 11, "column": 15 }] });
    let at: Vec<usize> = if file.name == "single_time.nc" { vec![0] } else { Vec::new() };
    let action = json!({ "operation": { "absolute": { "value": value } }, "selection": selection });
    tab.ask(json!({ "type": "apply", "at": at, "action": action })).await;
    let before = cells(&mut tab, &at).await;
    let sequence = tab.ask(json!({ "type": "snapshot", "name": "last" })).await.head["sequence"].clone();
    let asked = tab.send(json!({ "type": "save", "description": "", "sequence": sequence })).await;
    let saved = tab.answer(asked).await.head;
    if saved["type"] != "done" {
        return Err(saved.to_string());
    }
    let mut again = Tab::open(&server.address, &user.cookie, &path).await?;
    let after = cells(&mut again, &at).await;
    if before.last() != Some(&json!(value)) || before != after {
        return Err(format!("{before:?} became {after:?}"));
    }
    Ok(())
}

#[actix_web::test]
async fn every_encoding_of_the_planet_can_be_edited_and_saved() {
    dataset::contained::set_reader(env!("CARGO_BIN_EXE_panel_app"), &[]);
    let server = Server::start().await;
    let ada = server.user("ada");
    let mut wrong = Vec::new();
    for file in real_files::encodings().into_iter().chain(real_files::netcdf4()) {
        let Expected::Planet { variable, .. } = file.expected else { continue };
        for value in [0.0, -9999.0, 250.0] {
            if let Err(error) = edited(&server, &ada, &file, variable, value).await {
                wrong.push(format!("{} set to {value}: {error}", file.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What no upload takes any more may be in an instance all the same: the page says what is wrong with the file.
#[actix_web::test]
async fn what_cannot_be_read_is_told_under_its_users_name() {
    dataset::contained::set_reader(env!("CARGO_BIN_EXE_panel_app"), &[]);
    let server = Server::start().await;
    let ada = server.user("ada");
    for file in real_files::useless() {
        let id = upload(&server, &ada, &file);
        let path = format!("value_changer?id={id}&file_type=raw");
        let (status, page) = server.get(Some(&ada), &format!("/panel/{path}")).await;
        let instance = server.store.path(&server.store.revision(id, 0).unwrap().unwrap());
        assert_eq!(status, 409, "{}: {page}", file.name);
        assert!(!page.contains(&*instance.to_string_lossy()), "{}: {page}", file.name);
        let told = Tab::open(&server.address, &ada.cookie, &path).await.err().unwrap_or_default();
        assert!(!told.is_empty() && !told.contains(&*instance.to_string_lossy()), "{}: {told}", file.name);
    }
}
