//! Files as people have them, through the site: accepted with the right result, or refused with the file, what is wrong
//! and a remedy. Never an error 500, never a path of the server, never the jargon of a library.

use dataset::Variable;
use ndarray::ArrayD;
use store::{DataFileId, StepState};
use testkit::real_files::{self, Expected, RealFile};
use workflow::{FileType, Step};

use crate::api::Script;
use crate::harness::{Answer, Server, Visitor};

const REGRID: [(&str, &str); 5] = [
    ("limits", "default"),
    ("Longitude Step", "10"),
    ("Latitude Step", "10"),
    ("interpolator", "linear"),
    ("release", "corrected"),
];

/// What no message to a user has.
const JARGON: [&str; 6] = ["netcdf error", "HDF error", "NetCDF: ", "nc_", "ShapeError", "No such file"];

/// What is wrong with how an answer speaks; `None` when nothing is.
fn indiscretion(server: &Server, answer: &Answer) -> Option<String> {
    let text = answer.text();
    let instance = server.instance.path().display().to_string();
    if answer.status.is_server_error() {
        return Some(format!("{}: {text}", answer.status));
    }
    if text.contains(&instance) {
        return Some(format!("a path of the server: {text}"));
    }
    JARGON.iter().find(|word| text.contains(**word)).map(|word| format!("'{word}' in: {text}"))
}

/// What a form or a problem says is wrong.
fn error_of(page: &str) -> String {
    let text =
        page.split("class=\"error\"").skip(1).filter_map(|part| part.split('>').nth(1)?.split('<').next());
    let text: Vec<&str> = text.collect();
    let unescaped = text.join(" ").replace("&quot;", "\"").replace("&#x27;", "'").replace("&#39;", "'");
    unescaped.replace("&gt;", ">").replace("&lt;", "<").replace("&#x2F;", "/").replace("&amp;", "&")
}

/// In metres above the sea, by what the variable says of itself.
fn metres(variable: &Variable) -> ArrayD<f64> {
    let units = variable.attributes.text("units").unwrap_or("m");
    let factor = match units {
        "km" => 1000.0,
        "m2/s2" | "m2 s-2" => 1.0 / 9.806_65,
        _ => 1.0,
    };
    let down = variable.attributes.text("positive") == Some("down");
    variable.decode().unwrap().mapv(|value| if down { -factor * value } else { factor * value })
}

/// The heights of the latest topography, without axes of one cell, rows first.
fn heights(server: &Server, id: i32, name: &str) -> Result<ArrayD<f64>, String> {
    let revision = server.store.latest(DataFileId(id), FileType::Raw).unwrap().unwrap();
    let stored = dataset::read(server.store.path(&revision)).map_err(|error| error.to_string())?;
    let variable = stored.variable(name).ok_or_else(|| format!("no '{name}' in the result"))?;
    let mut values = metres(variable);
    let axes: Vec<&str> = variable.dimensions.iter().map(String::as_str).collect();
    let is_lat = |name: &str| {
        stored.variable(name).is_some_and(|v| v.decode().unwrap().iter().all(|x| x.abs() <= 90.0))
    };
    while let Some(axis) = values.shape().iter().position(|&len| len == 1) {
        values = values.remove_axis(ndarray::Axis(axis));
    }
    if axes.last().is_some_and(|last| is_lat(last)) {
        values = values.reversed_axes();
    }
    Ok(values)
}

/// Uploads a file; its workflow, or the message of the refusal.
async fn upload(server: &Server, ada: &Visitor, file: &RealFile) -> Result<(i32, String), String> {
    let answer = ada.post_file("/upload", &[], Some((&file.name, file.bytes.clone()))).await;
    if let Some(wrong) = indiscretion(server, &answer) {
        return Err(wrong);
    }
    if answer.status.as_u16() == 303 {
        let next = answer.location().to_owned();
        return Ok((next.split('/').nth(1).unwrap().parse().unwrap(), next));
    }
    Err(error_of(&answer.text()))
}

/// Runs a step, and waits for it.
async fn run(
    server: &Server,
    ada: &Visitor,
    script: &Script,
    id: i32,
    form: &[(&str, &str)],
) -> Result<(), String> {
    let answer = ada.post(&format!("/{id}/regrid"), form).await;
    if let Some(wrong) = indiscretion(server, &answer) {
        return Err(wrong);
    }
    if answer.status.as_u16() != 303 {
        return Err(format!("the form is refused: {}", error_of(&answer.text())));
    }
    let events = format!("{}/data-files/{id}/events?until=regrid", script.base);
    let events = script.client.get(events).bearer_auth(&script.token).send().await.unwrap();
    let told = events.text().await.unwrap();
    let step = server.store.step(DataFileId(id), Step::Regrid).unwrap();
    if told.contains(&server.instance.path().display().to_string()) {
        return Err(format!("a path of the server: {told}"));
    }
    match step.state {
        StepState::Done => Ok(()),
        other => Err(format!("{other:?}: {}", step.reason.unwrap_or_default())),
    }
}

/// Looks at a file in every way; what is wrong.
async fn look(server: &Server, ada: &Visitor, id: i32, file: &RealFile) -> Vec<String> {
    let mut wrong = Vec::new();
    let pages = [
        "steps",
        "set_coords",
        "raw/view",
        "raw/fileInfo",
        "raw/field.json",
        "raw/field",
        "regrid",
        "routing",
        "raw/download",
        "download",
    ];
    for page in pages {
        let answer = ada.get(&format!("/{id}/{page}")).await;
        let told = if page.ends_with("download") { None } else { indiscretion(server, &answer) };
        if let Some(told) = told {
            wrong.push(format!("{page}: {told}"));
        } else if answer.status.as_u16() != 200 {
            wrong.push(format!("{page}: {} {}", answer.status, answer.text()));
        }
        if page == "raw/download" && answer.bytes != file.bytes {
            wrong.push("raw/download: not as it was uploaded".to_owned());
        }
        // The archive is not compressed.
        if page == "download" && !answer.bytes.windows(file.bytes.len()).any(|part| part == file.bytes) {
            wrong.push("download: the file is not in it as it was uploaded".to_owned());
        }
    }
    wrong
}

#[actix_web::test]
async fn every_encoding_of_the_planet_is_the_same_planet() {
    dataset::contained::set_reader(env!("CARGO_BIN_EXE_flask_app"), &[]);
    let server = Server::start();
    server.compute();
    let ada = server.user("ada").await;
    let script = Script::new(&server, "ada");
    let mut reference = Vec::new();
    for (name, bytes) in [("all.nc", real_files::plain()), ("some.nc", real_files::plain_with_missing())] {
        let file = RealFile { name: name.to_owned(), bytes, expected: Expected::Asked };
        let (id, _) = upload(&server, &ada, &file).await.unwrap();
        run(&server, &ada, &script, id, &REGRID).await.unwrap();
        reference.push(heights(&server, id, "topo").unwrap());
    }
    let mut wrong = Vec::new();
    for file in real_files::encodings().into_iter().chain(real_files::netcdf4()) {
        let Expected::Planet { variable, has_missing, tolerance_m } = file.expected.clone() else { continue };
        let expected = &reference[usize::from(has_missing)];
        let tried = async {
            let (id, next) = upload(&server, &ada, &file).await?;
            if !next.ends_with("/steps") {
                return Err(format!("asks: {next}"));
            }
            let seen = look(&server, &ada, id, &file).await;
            if !seen.is_empty() {
                return Err(seen.join("\n"));
            }
            run(&server, &ada, &script, id, &REGRID).await?;
            let found = heights(&server, id, variable)?;
            if found.shape() != expected.shape() {
                return Err(format!("{:?} cells, not {:?}", found.shape(), expected.shape()));
            }
            let near = |a: f64, b: f64| (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance_m;
            let off = found.iter().zip(expected).filter(|&(&a, &b)| !near(a, b)).count();
            let missing = found.iter().filter(|value| value.is_nan()).count();
            if off > 0 {
                return Err(format!("{off} of {} cells are others, {missing} have no value", expected.len()));
            }
            Ok(())
        };
        if let Err(error) = tried.await {
            wrong.push(format!("{}: {error}", file.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[actix_web::test]
async fn what_no_step_can_use_is_refused_at_once_and_nothing_of_it_is_kept() {
    dataset::contained::set_reader(env!("CARGO_BIN_EXE_flask_app"), &[]);
    let server = Server::start();
    let ada = server.user("ada").await;
    let script = Script::new(&server, "ada");
    let mut wrong = Vec::new();
    for file in real_files::useless() {
        let Expected::Refused(words) = &file.expected else { continue };
        match upload(&server, &ada, &file).await {
            Ok(_) => wrong.push(format!("{}: accepted", file.name)),
            Err(message) => {
                let missing: Vec<_> = words.iter().filter(|word| !message.contains(**word)).collect();
                if !missing.is_empty() || message.contains("\\x") {
                    wrong.push(format!("{}: {missing:?} not in '{message}'", file.name));
                }
            }
        }
        let part = reqwest::multipart::Part::bytes(file.bytes.clone()).file_name(file.name.clone());
        let form = reqwest::multipart::Form::new().part("file", part);
        let request = script.client.post(format!("{}/data-files", script.base));
        let sent = request.bearer_auth(&script.token).multipart(form).send().await.unwrap();
        let answer = Answer::from_response(sent).await.is(422);
        if !answer.json()["errors"][0]["message"].as_str().unwrap().contains(&file.name) {
            wrong.push(format!("{}: {}", file.name, answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let kept = std::fs::read_dir(server.instance.path()).unwrap().flatten();
    let kept: Vec<_> = kept.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert!(kept.iter().all(|name| !name.ends_with(".nc")), "{kept:?}");
}

#[actix_web::test]
async fn what_a_file_does_not_say_is_asked() {
    let server = Server::start();
    let ada = server.user("ada").await;
    for file in real_files::questions() {
        let (id, next) = upload(&server, &ada, &file).await.unwrap();
        assert!(next.ends_with("/set_coords"), "{}: {next}", file.name);
        let seen = look(&server, &ada, id, &file).await;
        // The map does without axes; the steps ask.
        assert!(seen.is_empty(), "{}: {}", file.name, seen.join("\n"));
        assert_eq!(ada.post(&format!("/{id}/regrid"), &REGRID).await.status.as_u16(), 422, "{}", file.name);
    }
}

/// The files of the reports: each is used or refused, and nothing is said that its user cannot understand.
#[actix_web::test]
async fn the_reported_files_are_used_or_refused_in_plain_words() {
    dataset::contained::set_reader(env!("CARGO_BIN_EXE_flask_app"), &[]);
    let server = Server::start();
    let ada = server.user("ada").await;
    let mut wrong = Vec::new();
    for (name, bytes) in real_files::cases() {
        let file = RealFile { name: name.clone(), bytes, expected: Expected::Asked };
        match upload(&server, &ada, &file).await {
            Ok((id, _)) => {
                wrong.extend(
                    look(&server, &ada, id, &file).await.into_iter().map(|what| format!("{name}: {what}")),
                );
            }
            Err(message) if message.contains(&name) && message.ends_with('.') => {}
            Err(message) => wrong.push(format!("{name}: {message}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
