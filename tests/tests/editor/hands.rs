//! Without a mouse: the keyboard, a finger, a screen reader; small windows and the dark.

use std::time::Duration;

use anyhow::{Result, ensure};
use fantoccini::actions::{Actions, InputSource, PointerAction, TouchActions};

use crate::page::Bench;

/// What WebDriver calls the keys.
const SHIFT: char = '\u{E008}';
const UP: char = '\u{E013}';
const RIGHT: char = '\u{E014}';
const ENTER: char = '\u{E007}';
const CONTROL: char = '\u{E009}';
const NULL: char = '\u{E000}';

#[tokio::test]
async fn everything_can_be_done_with_the_keyboard() -> Result<()> {
    let bench = Bench::start(1400, 1000).await?;
    let page = bench.open("internal_oceans", "").await?;
    page.script("climsimEditor.large.over.focus()").await?;
    // A box of 4 x 3 cells: from the cell cursor, three cells east and two north.
    page.keys("b").await?;
    page.keys(&format!("{SHIFT}{RIGHT}{NULL}{ENTER}")).await?;
    page.keys(&format!("{SHIFT}{RIGHT}{RIGHT}{RIGHT}{UP}{UP}{NULL}{ENTER}")).await?;
    page.selected(12).await?;
    page.script("document.querySelector('[data-value]').focus()").await?;
    let at = page.sequence().await?;
    page.keys(&format!("25{ENTER}")).await?;
    page.newer(at).await?;
    page.actions(1).await?;
    page.script("climsimEditor.large.over.focus()").await?;
    page.keys(&format!("{CONTROL}z{NULL}")).await?;
    page.actions(0).await?;
    bench.done().await
}

#[tokio::test]
async fn a_finger_selects_in_a_small_window() -> Result<()> {
    let bench = Bench::start(500, 900).await?;
    let page = bench.open("internal_oceans", "").await?;
    page.tool("box").await?;
    let ((x0, y0), (x1, y1)) = (page.place(10.0, -20.0).await?, page.place(60.0, 20.0).await?);
    let finger = TouchActions::new("finger".to_owned())
        .then(PointerAction::MoveTo { duration: None, x: x0, y: y0 })
        .then(PointerAction::Down { button: 0 })
        .then(PointerAction::MoveTo { duration: Some(Duration::from_millis(80)), x: x1, y: y1 })
        .then(PointerAction::Up { button: 0 });
    bench.browser.client().perform_actions(finger).await?;
    page.browser.until("Number(document.querySelector('[data-socket]').dataset.selected) > 1000").await?;
    page.apply("absolute", "12").await?;
    // One map at a time, the others a touch away, and nothing wider than the window.
    page.browser.click(".switch [data-map=oceans]").await?;
    page.browser.until("climsimEditor.large.about.map == 'oceans'").await?;
    let wide = page.script("return document.documentElement.scrollWidth <= innerWidth").await?;
    ensure!(wide == true, "the page is wider than its window");
    bench.done().await
}

#[tokio::test]
async fn two_fingers_zoom() -> Result<()> {
    let bench = Bench::start(500, 900).await?;
    let page = bench.open("internal_oceans", "").await?;
    let magnification = "return climsimEditor.large.view.magnification";
    let before = page.script(magnification).await?.as_f64().unwrap_or(f64::NAN);
    let (x, y) = page.place(0.0, 0.0).await?;
    let finger = |name: &str, from: f64, to: f64| {
        TouchActions::new(name.to_owned())
            .then(PointerAction::MoveTo { duration: None, x: x + from, y })
            .then(PointerAction::Down { button: 0 })
            .then(PointerAction::MoveTo { duration: Some(Duration::from_millis(150)), x: x + to, y })
            .then(PointerAction::Up { button: 0 })
    };
    let apart = Actions::from(finger("left", -20.0, -80.0)).and(finger("right", 20.0, 80.0));
    bench.browser.client().perform_actions(apart).await?;
    page.browser.until(&format!("climsimEditor.large.view.magnification > {before} * 2")).await?;
    ensure!(page.says("selected").await?.parse::<usize>().unwrap_or(0) == 0, "two fingers select nothing");
    page.is_calm().await?;
    bench.done().await
}

#[tokio::test]
async fn every_control_has_a_name() -> Result<()> {
    let bench = Bench::start(1400, 1000).await?;
    let page = bench.open("internal_oceans", "").await?;
    let nameless = page
        .script(
            "return [...document.querySelectorAll('button, a, input, select, textarea, summary, canvas[tabindex], [role]')]
                .filter((e) => !e.closest('[aria-hidden=true], [hidden]') && e.type !== 'hidden' && !['generic', 'status', 'alert'].includes(e.role))
                .filter((e) => !(e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || e.innerText?.trim() || e.textContent?.trim() || e.title
                    || [...(e.labels ?? [])].some((l) => l.textContent.trim()) || e.placeholder))
                .map((e) => e.outerHTML.slice(0, 120))",
        )
        .await?;
    ensure!(nameless.as_array().is_some_and(Vec::is_empty), "{nameless:#}");
    bench.done().await
}
