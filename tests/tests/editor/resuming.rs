//! The server goes and comes back; there are two windows.

use anyhow::{Result, ensure};
use end_to_end::Browser;
use serde_json::json;

use crate::page::{Bench, Page};

#[tokio::test]
async fn killed_in_between_the_editor_resumes_with_everything() -> Result<()> {
    let mut bench = Bench::start(1400, 1000).await?;
    let page = bench.open("internal_oceans", "").await?;
    let untouched = page.bits("values").await?;
    page.draw_box((10.0, -20.0), (40.0, 0.0)).await?;
    page.selected(600).await?;
    page.apply("absolute", "-50").await?;
    page.apply("percentage", "33").await?;
    let changed = page.bits("values").await?;

    // As a power cut does. The page says so, and asks for nothing.
    bench.platform.kill()?;
    bench.browser.until("document.querySelector('.banner.warning:not([hidden])')").await?;
    bench.browser.until("document.querySelector('[data-do=undo]').disabled").await?;
    bench.platform.restart()?;
    let page = Page { browser: &bench.browser };
    bench.browser.until("document.querySelector('[data-socket]').dataset.link == 'open'").await?;
    bench.browser.until("document.querySelector('.banner').hidden").await?;
    page.actions(2).await?;
    ensure!(page.bits("values").await? == changed, "after the restart the map differs");
    page.selected(600).await?;

    // And from nothing: another browser, which has only the address.
    let other = Browser::start(1400, 1000).await?;
    other.open(&bench.address("internal_oceans", "")).await?;
    other.type_into("#username", "wegener").await?;
    other.type_into("#password", "continents drift").await?;
    other.click("main form button.primary").await?;
    let elsewhere = Page { browser: &other };
    elsewhere.drawn().await?;
    elsewhere.actions(2).await?;
    ensure!(elsewhere.bits("values").await? == changed, "another browser sees another map");
    elsewhere.step("undo").await?;
    elsewhere.step("undo").await?;
    ensure!(elsewhere.bits("values").await? == untouched, "undo does not reach the file as it was");
    page.actions(0).await?;
    ensure!(page.bits("values").await? == untouched, "the first browser was not told");
    other.close().await?;
    bench.done().await
}

#[tokio::test]
async fn a_change_asked_for_while_the_server_dies_is_done_once() -> Result<()> {
    let mut bench = Bench::start(1400, 1000).await?;
    let page = bench.open("internal_oceans", "").await?;
    page.draw_box((10.0, -20.0), (40.0, 0.0)).await?;
    page.selected(600).await?;
    // Asked for, and the server killed at once: whether the request, the answer or neither got through is up to chance.
    page.script("window.answers = 0; for (let k = 0; k < 20; k++) climsimEditor.apply({ operation: { relative: { value: 1 } }, selection: climsimEditor.selection }).then(() => window.answers++)").await?;
    bench.platform.kill()?;
    bench.platform.restart()?;
    let page = Page { browser: &bench.browser };
    bench.browser.until("window.answers == 20").await?;
    page.actions(20).await?;
    let unconfirmed = page.script("return climsimEditor.link.unconfirmed").await?;
    ensure!(unconfirmed == 0, "{unconfirmed} are unconfirmed");
    bench.done().await
}

#[tokio::test]
async fn a_second_window_sees_edits_as_they_happen() -> Result<()> {
    let bench = Bench::start(1400, 1000).await?;
    let page = bench.open("internal_oceans", "").await?;
    let client = bench.browser.client();
    let first = client.window().await?;
    let second = client.new_window(true).await?.handle;
    client.switch_to_window(second.clone()).await?;
    bench.open("internal_oceans", "").await?;
    page.draw_box((10.0, -20.0), (40.0, 0.0)).await?;
    page.selected(600).await?;
    page.apply("absolute", "77").await?;
    let there = page.bits("values").await?;
    client.switch_to_window(first).await?;
    page.actions(1).await?;
    ensure!(page.bits("values").await? == there, "the first window shows another map");
    bench.browser.until("document.querySelector('.saving').innerText.includes('2 windows')").await?;
    // What one did, the other undoes.
    page.step("undo").await?;
    client.switch_to_window(second).await?;
    page.actions(0).await?;
    bench.done().await
}

#[tokio::test]
async fn the_steps_tell_of_changes_that_are_not_saved() -> Result<()> {
    let bench = Bench::start(1400, 1000).await?;
    let client = bench.browser.client();
    let steps = client.window().await?;
    bench.browser.open(&format!("{}/{}/steps", bench.platform.address(), bench.workflow)).await?;
    let editor = client.new_window(true).await?.handle;
    client.switch_to_window(editor).await?;
    let page = bench.open("internal_oceans", "").await?;
    page.draw_box((10.0, -20.0), (40.0, 0.0)).await?;
    page.selected(600).await?;
    page.apply("absolute", "-50").await?;
    client.close_window().await?;

    // The page that was open all the time leads on with them.
    client.switch_to_window(steps).await?;
    bench.browser.click(".unsaved a").await?;
    let page = Page { browser: &bench.browser };
    page.drawn().await?;
    page.actions(1).await?;
    page.save("A new gulf").await?;
    bench.browser.until("document.querySelector('#step-internal_oceans')").await?;
    ensure!(page.script("return document.querySelectorAll('.unsaved').length").await? == 0);
    bench.done().await
}

#[tokio::test]
async fn a_script_that_does_not_arrive_is_told_and_tried_again() -> Result<()> {
    let bench = Bench::start(1400, 1000).await?;
    bench.browser.devtools("Network.enable", json!({})).await?;
    bench.browser.devtools("Network.setBlockedURLs", json!({ "urls": ["*/editor/panel-fix.js"] })).await?;
    bench.browser.open(&bench.address("internal_oceans", "")).await?;
    bench.browser.until("document.querySelector('[data-work] .note.danger')").await?;
    bench.browser.devtools("Network.setBlockedURLs", json!({ "urls": [] })).await?;
    bench.browser.click("[data-work] .note.danger button").await?;
    let page = Page { browser: &bench.browser };
    page.drawn().await?;
    page.is_calm().await?;
    bench.done().await
}
