/** The look of the map; colours come from the page's custom properties, with values for pages without. */

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host {
  --m-text: var(--text, #1c2a2f); --m-quiet: var(--quiet, #5b6b70); --m-surface: var(--surface, #fff); --m-sunken: var(--sunken, #eef1ef); --m-missing: var(--missing, #d3dad8);
  --m-line: var(--line, #d8dedb); --m-accent: var(--accent, #1a6384); --m-focus: var(--focus, #c77d18); --m-bad: var(--failed, #b0322b);
  display: block; color: var(--m-text); font: 14px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
  font-variant-numeric: tabular-nums; min-width: 0;
}
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.controls { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; margin-bottom: .6rem; }
.control { display: grid; gap: .15rem; min-width: 0; }
.control > span { font-size: .78rem; font-weight: 600; color: var(--m-quiet); }
.control.grow { flex: 1 1 14rem; max-width: 28rem; }
.control.dim { flex: 1 1 12rem; max-width: 22rem; }
.slider { display: flex; align-items: center; gap: .35rem; min-height: 2.15rem; }
.slider input { flex: 1; min-width: 4rem; accent-color: var(--m-accent); margin: 0; }
.spacer { flex: 1; }
select, input[type=number], input[type=text] {
  font: inherit; color: inherit; background: var(--m-surface); border: 1px solid var(--m-line); border-radius: 8px; padding: .3rem .5rem; min-height: 2.15rem; min-width: 0; max-width: 100%;
}
select { text-overflow: ellipsis; }
button, summary {
  font: inherit; color: inherit; background: var(--m-surface); border: 1px solid var(--m-line); border-radius: 8px; min-width: 2.15rem; min-height: 2.15rem; padding: .25rem .6rem; cursor: pointer;
}
button:hover, summary:hover { background: var(--m-sunken); }
:focus-visible { outline: 3px solid var(--m-focus); outline-offset: 2px; }
details { position: relative; }
summary { list-style: none; display: flex; align-items: center; gap: .4rem; font-weight: 550; user-select: none; }
summary::-webkit-details-marker { display: none; }
summary::after { content: "▾"; color: var(--m-quiet); }
.panel {
  position: absolute; right: 0; top: calc(100% + .35rem); z-index: 6; width: min(21rem, 92vw); display: grid; gap: .7rem; padding: .9rem; background: var(--m-surface);
  border: 1px solid var(--m-line); border-radius: 10px; box-shadow: 0 4px 24px rgb(0 0 0 / 22%);
}
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .6rem; }
.pair input { width: 100%; }
.check { display: flex; gap: .45rem; align-items: center; }
.check input { accent-color: var(--m-accent); width: 1rem; height: 1rem; margin: 0; }
.stage { position: relative; overflow: hidden; border-radius: 8px; }
canvas.base, canvas.over { display: block; width: 100%; height: 100%; position: absolute; inset: 0; }
canvas.over { cursor: crosshair; outline-offset: -3px; }
canvas.over.dragging { cursor: grabbing; }
.tools { position: absolute; right: 14px; top: 14px; display: grid; }
.tools button { width: 2.1rem; height: 2.1rem; min-width: 0; min-height: 0; padding: 0; font-size: 1.15rem; line-height: 1; border-radius: 0; opacity: .92; margin-top: -1px; }
.tools button:first-child { border-radius: 8px 8px 0 0; }
.tools button:last-child { border-radius: 0 0 8px 8px; }
.busy { position: absolute; left: 54px; top: 12px; padding: .15rem .6rem; border-radius: 99px; background: var(--m-surface); border: 1px solid var(--m-line); font-size: .82rem; opacity: .92; }
.error { border: 1px solid var(--m-line); border-left: 4px solid var(--m-bad); border-radius: 8px; background: var(--m-surface); padding: .6rem .9rem; margin: 0 0 .6rem; overflow-wrap: anywhere; }
.note { color: var(--m-quiet); font-size: .85rem; margin: .3rem 0 0; }
.below { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1.15fr); gap: .5rem 1.75rem; align-items: start; margin-top: .55rem; }
.readout { min-height: 2.6rem; display: block; }
.readout b { font-weight: 650; }
.readout .value { font-size: 1.12rem; font-weight: 650; }
.readout .where { color: var(--m-quiet); display: block; font-size: .88rem; }
.legend { min-width: 0; padding: 0 .8rem; }
.legend .title { font-size: .82rem; color: var(--m-quiet); margin-bottom: .2rem; overflow-wrap: anywhere; }
.bar { position: relative; height: 14px; border: 1px solid var(--m-line); border-radius: 3px; overflow: hidden; }
.bar canvas { display: block; width: 100%; height: 100%; }
.ticks { position: relative; height: 1.5rem; font-size: .8rem; }
.ticks span { position: absolute; transform: translateX(-50%); padding-top: 6px; white-space: nowrap; }
.ticks span::before { content: ""; position: absolute; left: 50%; top: 0; height: 5px; border-left: 1px solid var(--m-quiet); }
.codes { display: flex; flex-wrap: wrap; gap: .2rem .9rem; font-size: .85rem; max-height: 6.5rem; overflow: auto; }
.codes span { display: inline-flex; align-items: center; gap: .35rem; }
.codes i { width: .85rem; height: .85rem; border-radius: 3px; border: 1px solid var(--m-line); }
.hidden-text { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
:host(:state(narrow)) .below { grid-template-columns: minmax(0, 1fr); }
:host(:state(narrow)) .control.grow, :host(:state(narrow)) .control.dim { flex-basis: 100%; max-width: none; }
:host(:state(narrow)) .tools { position: static; display: flex; }
:host(:state(narrow)) .tools button { margin: 0 -1px 0 0; opacity: 1; }
:host(:state(narrow)) .tools button:first-child { border-radius: 8px 0 0 8px; }
:host(:state(narrow)) .tools button:last-child { border-radius: 0 8px 8px 0; }
:host(:state(narrow)) .spacer { display: none; }
:host(:state(narrow)) .display { margin-left: auto; }
:host(:state(narrow)) .controls { gap: .45rem .6rem; }
@media (pointer: coarse) { .tools button { width: 2.6rem; height: 2.6rem; } }
`);

export default sheet;
