/**
 * The map editor: the page of one draft.
 *
 * The server holds the values and computes; this page draws them, says what is selected, and asks for changes. What is
 * shown changes only when the server has stored the change.
 *
 * Invariants: nothing is computed here but colours and positions; all maps of a change are drawn in one frame of the
 * screen; the page is left for good only after the server has confirmed the save.
 */

import { MeshGrid, RegularGrid } from '../map/grid.js';
import { latText, lonText, numberText } from '../map/view.js';
import { Consequences } from './consequences.js';
import { Display } from './display.js';
import { count, make } from '../map/dom.js';
import { icon } from './icons.js';
import { Link } from './link.js';
import { Pane } from './pane.js';
import { PREVIEWED, SELECTED, STROKED } from './paint.js';
import { ChangePanel } from './panel-change.js';
import { CheckPanel } from './panel-check.js';
import { FixPanel } from './panel-fix.js';
import { HistoryPanel } from './panel-history.js';
import { Plane } from './plane.js';
import { SaveDialog } from './save.js';
import { Shapes } from './shapes.js';
import { BoxTool, CellTool, LassoTool, MoveTool } from './tools.js';
import { Windows } from './windows.js';

/** What the counts are of, in words. */
const COUNTED = {
  oceans: { one: 'internal sea', several: 'internal seas', none: 'No internal seas' },
  passages: { one: 'narrow passage', several: 'narrow passages', none: 'No narrow passages' },
  poles: { one: 'cell to correct', several: 'cells to correct', none: 'Poles are right' },
};

class Editor extends EventTarget {
  /** What the server said of the draft. */
  about = null;
  /** Number of the present state. */
  sequence = -1;
  actions = new Map();
  counts = {};
  snapshots = [];
  connections = 1;
  at = [];
  maps = new Map();
  tint = null;
  tinted = 0;
  selection = null;
  selected = null;
  filter = { land: true, ocean: true };
  mode = 'replace';
  hovered = null;
  focused = null;
  panning = false;
  display = { lines: true, edges: true };
  #asking = 0;
  #exact = 0;
  #wide = null;

  constructor(root) {
    super();
    this.root = root;
    this.config = root.dataset;
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    this.dark = scheme.matches;
    scheme.addEventListener('change', () => { this.dark = scheme.matches; this.#readStyle(); this.look.turn(); });
    this.#readStyle();
    this.shapes = new Shapes(this);
    this.tools = { move: new MoveTool(), box: new BoxTool(this), lasso: new LassoTool(this), cells: new CellTool(this) };
    this.tool = this.tools.move;
    this.#build();
    this.link = new Link(this.config.socket);
    this.link.addEventListener('hello', (event) => this.#onHello(event.detail));
    this.link.addEventListener('frame', (event) => this.#received(event.detail));
    this.link.addEventListener('refused', (event) => this.showError(event.detail));
    this.link.addEventListener('state', () => this.#showLink());
  }

  get columns() { return this.about.columns; }
  get rows() { return this.about.rows; }
  get values() { return this.maps.get('values'); }
  get large() { return this.#all().find((m) => m.pane.large)?.pane; }
  get online() { return this.link.state === 'open'; }
  get writable() { return Boolean(this.about?.writable) && this.online && !this.closed; }
  /** What was done to the map, without what was done to the list. */
  get changes() { return [...this.actions.values()].filter((item) => item.kind !== 'revert'); }
  get active() { return this.changes.filter((item) => item.status === 'active').length; }
  get hasSea() { return this.about?.meaning !== 'plain'; }
  get units() {
    const units = this.variable?.units;
    return units && units !== '-' && units !== '1' ? ` ${units}` : '';
  }

  // ---- the page ----

  #readStyle() {
    const style = getComputedStyle(this.root), ink = (name) => style.getPropertyValue(name).trim();
    this.style = { quiet: ink('--quiet'), line: ink('--line'), focus: ink('--focus'), font: style.fontFamily };
  }

  #build() {
    const button = (name, label, hint, act) => make('button', { type: 'button', class: 'icon', 'data-do': name, 'aria-label': label, title: hint ?? label, onclick: act }, icon(name));
    this.look = new Display(this);
    this.consequences = new Consequences(this);
    const tool = (name, label, letter) => make('button', { type: 'button', class: 'icon', 'data-tool': name, 'aria-pressed': 'false', 'aria-label': label, title: `${label} (${letter})`, onclick: () => this.use(name) }, icon(name));
    const mode = (name, label, hint) => make('button', { type: 'button', class: 'icon', 'data-mode': name, 'aria-pressed': String(name === 'replace'), 'aria-label': label, title: hint, onclick: () => this.setMode(name) }, icon(name));
    this.dom = {
      banner: make('div', { class: 'banner', role: 'status', hidden: true }),
      status: make('span', { class: 'saving', role: 'status' }, 'Opening …'),
      undo: button('undo', 'Undo', 'Undo (Ctrl Z)', () => this.step('undo')),
      redo: button('redo', 'Redo', 'Redo (Ctrl Shift Z)', () => this.step('redo')),
      save: make('button', { type: 'button', class: 'primary', 'data-do': 'save', onclick: () => this.saving.open() }, 'Save …'),
      slices: make('div', { class: 'slices', hidden: true }),
      switch: make('div', { class: 'switch', role: 'group', 'aria-label': 'Map' }),
      first: make('div', { class: 'first' }),
      others: make('div', { class: 'others' }),
      readout: make('output', { class: 'readout', 'aria-live': 'off' }),
      legend: make('div', { class: 'legend', role: 'group', 'aria-label': 'Colours' }),
      spoken: make('div', { class: 'unseen', 'aria-live': 'polite' }),
    };
    const d = this.dom;
    d.tools = make('div', { class: 'toolbar', role: 'toolbar', 'aria-label': 'Tools' },
      make('div', { class: 'group', role: 'group', 'aria-label': 'Select with' },
        tool('move', 'Move the map', 'V'), tool('box', 'Select a box', 'B'), tool('lasso', 'Select with a lasso', 'L'), tool('cells', 'Select single cells', 'C')),
      make('div', { class: 'group', role: 'group', 'aria-label': 'A new selection' },
        mode('replace', 'New selection', 'Replace the selection'), mode('add', 'Add to the selection', 'Add to the selection (Shift)'),
        mode('subtract', 'Take from the selection', 'Take from the selection (Alt)'), mode('intersect', 'Only where both', 'Intersect with the selection (Shift Alt)')),
      make('div', { class: 'group', role: 'group', 'aria-label': 'The selection' },
        button('invert', 'Select the others', 'Select what is not selected; with nothing selected, everything', () => this.select(this.selection ? { complement: this.selection } : 'all', 'replace')),
        button('deselect', 'Clear the selection', 'Clear the selection (Esc)', () => this.select(null, 'replace'))),
      make('span', { class: 'spacer' }),
      make('div', { class: 'group', role: 'group', 'aria-label': 'Zoom' },
        button('in', 'Zoom in', 'Zoom in (+)', () => this.large?.zoom(1.6)), button('out', 'Zoom out', 'Zoom out (−)', () => this.large?.zoom(1 / 1.6)),
        button('all', 'Show everything', 'Show everything (0)', () => this.large?.reset())),
      this.look.element);
    this.panels = [new ChangePanel(this), new FixPanel(this), new CheckPanel(this), new HistoryPanel(this)];
    d.tabs = make('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Panels' }, ...this.panels.map((panel, k) =>
      panel.tab = make('button', { type: 'button', role: 'tab', id: `tab-${panel.name}`, 'aria-controls': `panel-${panel.name}`, 'aria-selected': String(k === 0), tabindex: k ? -1 : 0,
        onclick: () => this.openPanel(panel.name) }, panel.title, panel.badge = make('span', { class: 'badge', hidden: true }))));
    d.tabs.addEventListener('keydown', (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      const n = this.panels.length, k = this.panels.findIndex((p) => p.tab === document.activeElement);
      this.openPanel(this.panels[(k + by + n) % n].name);
      this.panels[(k + by + n) % n].tab.focus();
    });
    for (const [k, panel] of this.panels.entries()) {
      Object.assign(panel.element, { id: `panel-${panel.name}`, hidden: k > 0 });
      panel.element.setAttribute('role', 'tabpanel');
      panel.element.setAttribute('aria-labelledby', `tab-${panel.name}`);
      panel.element.classList.add('panel');
    }
    this.saving = new SaveDialog(this);
    const side = make('section', { class: 'side', 'aria-label': 'Work on the map' }, d.tabs, ...this.panels.map((panel) => panel.element));
    const heading = this.root.querySelector('[data-actions]');
    heading.replaceChildren(d.status, make('div', { class: 'group' }, d.undo, d.redo), d.save);
    this.root.querySelector('[data-work]').replaceChildren(d.banner, make('div', { class: 'work' },
      make('section', { class: 'maps', 'aria-label': 'Maps' }, d.switch, d.slices, d.tools, d.first, make('div', { class: 'below' }, d.readout, d.legend), d.others, this.consequences.element), side), d.spoken, this.saving.element);
    this.#keys();
    this.use('move');
    this.#updateButtons();
    this.#readNothing();
    new ResizeObserver(() => this.#resize()).observe(this.root);
    addEventListener('beforeunload', (event) => { if (this.link.unconfirmed && !this.closed) event.preventDefault(); });
  }

  #resize() {
    const wide = matchMedia('(min-width: 900px)').matches;
    if (wide !== this.#wide) {
      this.#wide = wide;
      this.arrange();
    }
    for (const { pane } of this.#all()) pane.resize();
    this.look.legend();
  }

  /** How high a map may be: all of them should be in view at once. */
  heightFor(pane) {
    if (!pane.large) return 190;
    const below = this.#all().length > 1 ? 500 : 300;
    return this.#wide ? Math.max(300, innerHeight - below) : Math.max(240, innerHeight * .55);
  }

  #all() { return [...this.maps.values(), ...this.consequences.maps.values()]; }

  // ---- what the server says ----

  #onHello(hello) {
    const before = this.about;
    // Of a map that is too large to be edited nothing else is made.
    if (!hello.writable) hello.maps = hello.maps.filter((m) => m.map === 'values');
    this.root.dataset.writable = hello.writable;
    this.about = hello;
    this.closed = false;
    this.variable = hello.field.variables.find((v) => v.name === hello.variable);
    const fresh = !before || before.draft !== hello.draft || before.revision !== hello.revision || before.rows !== hello.rows || before.columns !== hello.columns;
    if (fresh) this.#begin();
    this.awaited = new Set(hello.maps.map((m) => m.map));
    this.#applyState(hello.state, true);
    this.sequence = hello.state.sequence;
    for (const panel of this.panels) panel.opened?.(fresh);
    if (!fresh) {
      this.#reselect();
      // The hello is of the first slice.
      if (this.at.some((k) => k)) { this.range = null; this.#askViews(); }
    }
    this.consequences.follow();
    this.#notices();
  }

  #begin() {
    const { about } = this;
    this.actions.clear();
    this.at = this.variable.dimensions.map(() => 0);
    this.tint = about.writable ? new Uint8Array(about.rows * about.columns) : null;
    this.tinted = 0;
    this.selection = this.selected = null;
    // Land is of no sub-basin, and stays so.
    if (about.meaning === 'basins') this.filter = { land: false, ocean: true };
    for (const { pane, choice } of this.#all()) { pane.element.remove(); choice.remove(); }
    this.maps.clear();
    this.consequences.begin();
    for (const { map, title, style } of about.maps) {
      const plane = new Plane(about.rows, about.columns);
      const entry = this.addMap({ map, title, style }, plane);
      entry.windows = new Windows(this.link, plane, () => ({ map, at: this.at }), () => { this.#viewed(entry); });
      this.maps.set(map, entry);
    }
    this.values.pane.large = true;
    this.arrange();
    this.#slices();
    this.look.begin();
    this.useProjection(this.#geometry.kind === 'index' ? 'index' : 'geographic');
  }

  /** A map with its heading, its place in the switch of small windows, and its notes. */
  addMap(about, plane) {
    const pane = new Pane(this, about, plane);
    const badge = make('button', { type: 'button', class: 'count', hidden: true, onclick: () => this.openPanel('check') });
    const grow = make('button', { type: 'button', class: 'icon small', 'aria-label': `Show ${about.title} large`, title: 'Show large', onclick: () => this.enlarge(about.map) }, icon('grow'));
    const note = make('span', { class: 'note-line' });
    pane.element = make('section', { class: 'pane', 'data-map': about.map, 'aria-label': about.title }, make('header', {}, make('h2', {}, about.title), badge, note, grow), pane.stage);
    const choice = make('button', { type: 'button', 'data-map': about.map, onclick: () => this.enlarge(about.map) }, about.title, make('span', { class: 'badge', hidden: true }));
    this.dom.switch.append(choice);
    pane.addEventListener('camera', () => this.#carry(pane));
    return { pane, plane, about, badge, note, choice };
  }

  #viewed(entry) {
    const { pane, about } = entry;
    this.look.viewed(entry);
    pane.redraw();
    this.#cover();
    if (this.awaited?.delete(about.map) && !this.awaited.size) {
      this.#done();
      for (const panel of this.panels) panel.viewed?.();
    }
  }

  get #geometry() { return this.about.field.grids[this.variable.grid]; }
  get curvilinear() { return this.#geometry.kind === 'curvilinear'; }

  /** `geographic` or `index`. */
  useProjection(projection) {
    this.projection = projection;
    const { variable } = this;
    let grid = null;
    if (projection === 'index' || this.#geometry.kind === 'index') grid = new RegularGrid({ kind: 'index' }, variable);
    else if (this.#geometry.kind === 'regular') grid = new RegularGrid(this.#geometry, variable);
    else if (this.mesh) grid = new MeshGrid(this.mesh, variable);
    this.grid = grid;
    if (!grid) return;
    for (const { pane } of this.#all()) if (!pane.apart && (pane.grid || this.maps.has(pane.about.map))) pane.useGrid(grid);
  }

  #received({ header, planes }) {
    switch (header.type) {
      case 'view': return this.#onWindow(header, planes);
      case 'mesh':
        this.mesh = { header, planes };
        return this.useProjection(this.projection);
      case 'change': return this.#changed(header, planes);
      case 'consequence': return this.consequences.take(header, planes);
      case 'open': return this.#applyState({ open: header.open });
      case 'newest':
        this.about.newest = header.revision;
        return this.#notices();
      case 'saved': return this.#savedElsewhere(header);
      default:
    }
  }

  #onWindow(header, planes) {
    const entry = this.maps.get(header.map);
    if (!entry || String(header.at) !== String(this.at)) return;
    // What is known in full and has not changed since needs no second look.
    if (entry.plane.whole && entry.sequence === header.sequence) return this.#viewed(entry);
    entry.sequence = header.sequence;
    const [i, j, ni, nj] = header.window;
    Object.assign(entry, { range: header.range, robust: header.robust });
    entry.windows.restart({ level: header.level, i, j, ni, nj, values: planes[0].values });
  }

  #changed(header, planes) {
    // Without a place it is of no slice more than of another.
    const here = !header.at.length || String(header.at) === String(this.at);
    if (here) {
      for (const part of header.maps) {
        const entry = this.maps.get(part.map);
        if (!entry) continue;
        entry.sequence = header.sequence;
        if (part.whole) { this.#askView(part.map); continue; }
        const find = (what) => planes.find((plane) => plane.name === `${part.map}.${what}`)?.values;
        const cells = find('cells'), values = find('values');
        if (cells?.length) entry.windows.patch(header.sequence, cells, values);
      }
    }
    this.preview(null);
    const { counts, range, ...state } = header.state;
    this.#applyState(here ? header.state : state);
    this.sequence = header.sequence;
    const mine = header.author === this.about.tab;
    if (!mine && header.what) this.#flash(`${describe(header.what)} in another window.`);
    this.look.limits();
    for (const { pane } of this.#all()) pane.redraw();
    this.consequences.outdated();
    if (this.selection && header.maps.length) this.#reselect();
    for (const panel of this.panels) panel.changed?.(header);
    // A window that nobody sees has no frames.
    if (document.hidden) this.#done(); else requestAnimationFrame(() => this.#done());
  }

  /** All maps show the present state: said to whoever measures or tests. */
  #done() {
    for (const { pane } of this.maps.values()) pane.draw();
    this.firstShown ??= performance.now();
    this.root.dataset.sequence = this.sequence;
    this.dispatchEvent(new Event('shown'));
  }

  #applyState(state, all = false) {
    if (all) this.actions.clear();
    for (const number of state.dropped ?? []) this.actions.delete(number);
    for (const action of state.actions ?? []) this.actions.set(action.number, action);
    for (const name of ['cursor', 'can_undo', 'can_redo', 'snapshots', 'range']) if (state[name] !== undefined) this[name] = state[name];
    if (state.open !== undefined) this.connections = state.open;
    if (state.counts) this.counts = state.counts;
    this.#updateButtons();
    this.#showCounts();
  }

  #showCounts() {
    for (const [map, entry] of this.maps) {
      const words = COUNTED[map], n = this.counts[map];
      if (!words || n === undefined) continue;
      entry.badge.hidden = false;
      entry.badge.textContent = n ? count(n, words.one, words.several) : words.none;
      entry.badge.classList.toggle('good', n === 0);
      entry.badge.setAttribute('aria-label', `${entry.badge.textContent}: show the list`);
      const mark = entry.choice.querySelector('.badge');
      mark.hidden = false;
      mark.textContent = n.toLocaleString('en');
      mark.classList.toggle('good', n === 0);
    }
  }

  #updateButtons() {
    const d = this.dom, can = this.writable;
    d.undo.disabled = !can || !this.can_undo;
    d.redo.disabled = !can || !this.can_redo;
    d.save.disabled = !can;
    this.root.dataset.actions = this.active;
    for (const panel of this.panels) panel.enable?.(can);
    this.#showStatus();
  }

  #showStatus() {
    const d = this.dom, n = this.active;
    if (!this.about) return;
    const others = this.connections > 1 ? `, open in ${count(this.connections, 'window')}` : '';
    d.status.textContent = this.link.unconfirmed ? `Storing ${count(this.link.unconfirmed, 'change')} …` : n ? `${count(n, 'change')} kept in the draft${others}` : `No changes yet${others}`;
    d.status.classList.toggle('pending', this.link.unconfirmed > 0);
  }

  // ---- connection, notices ----

  #showLink() {
    const { state, reason, failures, unconfirmed } = this.link, { banner } = this.dom;
    this.root.dataset.link = state;
    this.#updateButtons();
    if (this.closed) return;
    if (state === 'open') { this.#notices(); return; }
    if (state === 'connecting' && !this.about) return;
    const kept = unconfirmed ? ` ${count(unconfirmed, 'change')} will be sent as soon as it is back; leave this page open.` : ' Everything you did is stored on the server.';
    banner.hidden = false;
    banner.className = `banner ${state === 'ended' ? 'danger' : 'warning'}`;
    if (state === 'ended') banner.replaceChildren(make('span', {}, reason || 'The server has ended this session.'), make('button', { type: 'button', class: 'small', onclick: () => location.reload() }, 'Reload'));
    else banner.replaceChildren(make('span', {}, make('strong', {}, reason || (failures > 1 ? 'No connection to the server; trying again and again.' : 'The connection was lost; trying again.')), kept),
      make('button', { type: 'button', class: 'small', onclick: () => this.link.now() }, 'Try now'));
  }

  /** What the modeller should know of the draft, in the banner. */
  #notices() {
    const { about } = this, { banner } = this.dom;
    banner.className = 'banner info';
    banner.hidden = false;
    if (!about.writable) {
      banner.replaceChildren(make('span', {}, about.why_not ?? 'This map can be looked at, not changed.'));
    } else if (about.newest > about.revision) {
      banner.replaceChildren(make('span', {}, `This draft stands on revision ${about.revision}; meanwhile there is revision ${about.newest}.`),
        make('button', { type: 'button', class: 'small', onclick: () => this.rebase() }, `Move my changes to revision ${about.newest}`));
    } else banner.hidden = true;
  }

  async rebase() {
    const answer = await this.change({ type: 'rebase' });
    if (!answer) return;
    this.about.revision = this.about.newest;
    this.#notices();
    this.report('Moved to the newest revision', answer.header.report);
  }

  #savedElsewhere({ revision }) {
    this.closed = true;
    this.#updateButtons();
    const { banner } = this.dom;
    banner.hidden = false;
    banner.className = 'banner info';
    banner.replaceChildren(make('span', {}, `Saved as revision ${revision} in another window.`), make('a', { class: 'button small', href: this.config.redirect }, 'To the steps'),
      make('button', { type: 'button', class: 'small', onclick: () => location.reload() }, 'Start from it'));
  }

  /** Says something to everybody: shortly in sight, and aloud. */
  #flash(text) {
    this.say(text);
    const { note } = this.values;
    note.textContent = text;
    clearTimeout(this.flashing);
    this.flashing = setTimeout(() => { note.textContent = ''; }, 4000);
  }

  say(text) {
    this.dom.spoken.textContent = '';
    this.dom.spoken.textContent = text;
  }

  /** An error of something the modeller did. */
  showError(error) {
    if (error.code === 'lost') return;
    const { banner } = this.dom;
    banner.hidden = false;
    banner.className = 'banner danger';
    banner.replaceChildren(make('span', {}, error.message), make('button', { type: 'button', class: 'small', onclick: () => this.#notices() }, 'Close'));
  }

  /** What became of each of many actions. */
  report(title, items) {
    const list = items ?? [];
    const bad = list.filter((item) => item.fits !== 'yes');
    const dialog = make('dialog', { class: 'sheet', 'aria-label': title });
    dialog.append(make('h2', {}, title), make('p', {}, bad.length ? `${list.length - bad.length} of ${count(list.length, 'action')} fit as they are.` : `All ${count(list.length, 'action')} fit.`),
      bad.length ? make('ul', { class: 'report' }, ...bad.map((item) => make('li', { class: item.fits }, make('strong', {}, item.label), make('span', {}, item.message ?? '')))) : '',
      make('div', { class: 'actions end' }, make('button', { type: 'button', class: 'primary', onclick: () => dialog.close() }, 'Close')));
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  // ---- changing ----

  /** Asks for a change; undefined when it was refused, which has been said. */
  async change(message) {
    try {
      this.#showStatus();
      const answer = await this.link.change(message);
      if (this.dom.banner.classList.contains('danger')) this.#notices();
      return answer;
    } catch (error) {
      this.showError(error);
      return undefined;
    } finally {
      this.#showStatus();
    }
  }

  async step(what) {
    if (!this.writable || (what === 'undo' ? !this.can_undo : !this.can_redo)) return;
    const answer = await this.change({ type: what });
    if (answer) this.say(what === 'undo' ? 'Undone.' : 'Done again.');
  }

  apply(action) { return this.change({ type: 'apply', action, at: this.at }); }

  // ---- selecting ----

  use(name, tool = this.tools[name]) {
    this.tool.cancel?.();
    this.tool = tool;
    for (const button of this.dom.tools.querySelectorAll('[data-tool]')) button.setAttribute('aria-pressed', String(button.dataset.tool === name));
    for (const { pane } of this.#all()) {
      pane.over.classList.toggle('selecting', tool.grabs);
      pane.touch();
    }
    this.root.dataset.tool = name;
  }

  setMode(mode) {
    this.mode = mode;
    for (const button of this.dom.tools.querySelectorAll('[data-mode]')) button.setAttribute('aria-pressed', String(button.dataset.mode === mode));
  }

  /** Combines a shape with the selection; null clears it. */
  select(shape, mode = this.mode) {
    if (!this.about?.writable) return;
    this.selection = shape ? this.shapes.combine(this.selection, shape, mode) : null;
    this.focused = null;
    this.#reselect();
  }

  setFilter(filter) {
    this.filter = filter;
    this.#reselect();
  }

  /** Asks the server which cells are selected. */
  async #reselect() {
    const mine = ++this.#asking;
    if (!this.selection) {
      this.selected = null;
      this.#mark(SELECTED, null);
      this.#selectionChanged();
      return;
    }
    try {
      const { header, planes } = await this.link.ask({ type: 'select', selection: this.selection, filter: this.filter, at: this.at });
      if (mine !== this.#asking) return;
      this.selected = header;
      this.#mark(SELECTED, header.cells ? { bounds: header.bounds, bits: planes[0].values } : null);
      this.#selectionChanged();
    } catch (error) {
      if (mine !== this.#asking) return;
      this.selected = null;
      this.showError(error);
      this.#selectionChanged();
    }
  }

  #selectionChanged() {
    for (const panel of this.panels) panel.selectionChanged?.();
    this.root.dataset.selected = this.selected?.cells ?? 0;
  }

  /** Sets one bit of the tint where a mask says so, and nowhere else. */
  #mark(bit, mask) {
    const { tint, columns } = this;
    if (!tint) return;
    if (this.tinted & bit) for (let k = 0; k < tint.length; k++) tint[k] &= ~bit;
    this.tinted &= ~bit;
    if (mask?.bits) {
      const [i0, j0, ni, nj] = mask.bounds;
      for (let j = 0, n = 0; j < nj; j++) for (let i = 0; i < ni; i++, n++) if (mask.bits[n >> 3] >> (n & 7) & 1) tint[(j0 + j) * columns + i0 + i] |= bit;
      this.tinted |= bit;
    } else if (mask?.cells?.length) {
      for (const cell of mask.cells) tint[cell] |= bit;
      this.tinted |= bit;
    }
    for (const { pane } of this.#all()) pane.redraw();
  }

  isSelected(i, j) { return Boolean(this.tint && this.tint[j * this.columns + i] & SELECTED); }

  /** Cells under a stroke that is still being drawn. */
  stroke(cell) {
    if (!this.tint) return;
    this.tint[cell] |= STROKED;
    this.tinted |= STROKED;
    for (const { pane } of this.#all()) pane.redraw();
  }

  clearStroke(cells) {
    if (!this.tint) return;
    for (const cell of cells) this.tint[cell] &= ~STROKED;
    this.tinted &= ~STROKED;
    for (const { pane } of this.#all()) pane.redraw();
  }

  /** Shows cells that a fix would change; null for none. */
  preview(cells) { if (cells || this.tinted & PREVIEWED) this.#mark(PREVIEWED, cells ? { cells } : null); }

  overlays() { for (const { pane } of this.#all()) pane.drawOver(); }

  // ---- looking ----

  /** Puts one map into the large place. */
  enlarge(map) {
    const before = this.large;
    for (const { pane, about } of this.#all()) pane.large = about.map === map;
    if (before) this.large.view.fitted = before.view.fitted;
    this.arrange();
    for (const { pane } of this.#all()) pane.resize();
    if (before && before !== this.large && this.linked(before, this.large)) this.large.follow(before.camera);
    this.look.legend();
  }

  /** Puts the large map first, the others below it. */
  arrange() {
    const { first, others, switch: choice } = this.dom;
    for (const entry of this.#all()) {
      (entry.pane.large ? first : others).append(entry.pane.element);
      entry.pane.element.classList.toggle('large', entry.pane.large);
      entry.choice.setAttribute('aria-pressed', String(entry.pane.large));
    }
    choice.hidden = this.#all().length < 2;
  }

  /** True for panes that can look at the same part of the world. */
  linked(a, b) { return a.grid === b.grid || (a.grid?.geographic && b.grid?.geographic); }

  #carry(from) {
    for (const { pane } of this.#all()) if (pane !== from && pane.grid && this.linked(from, pane)) pane.follow(from.camera);
    this.focused = null;
    this.#cover();
  }

  /** Fetches what a huge map shows now. */
  #cover() {
    clearTimeout(this.covering);
    this.covering = setTimeout(() => {
      for (const { pane, windows } of this.maps.values()) {
        const wanted = windows.huge && pane.wanted;
        if (wanted) windows.cover(wanted);
      }
    }, 60);
  }

  /** Brings cells into view and rings them. */
  jump(bounds, map = null) {
    if (map && this.maps.has(map) && !this.#wide) this.enlarge(map);
    const pane = this.large.apart ? this.values.pane : this.large;
    pane.show(bounds);
    this.focused = bounds;
    this.overlays();
    const [i, j, ni, nj] = bounds;
    this.hover({ i: i + (ni >> 1), j: j + (nj >> 1) }, pane, true);
    if (!this.#wide) this.dom.first.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  }

  hover(cell, pane, keyboard = false) {
    if (!cell && this.hovered?.keyboard && !keyboard) return;
    if (cell?.i === this.hovered?.i && cell?.j === this.hovered?.j && this.hovered?.pane === pane) return;
    this.hovered = cell ? { ...cell, pane, keyboard } : null;
    this.overlays();
    clearTimeout(this.reading);
    if (!cell) return this.#readNothing();
    this.#read(cell, null, keyboard);
    const mine = ++this.#exact;
    this.reading = setTimeout(async () => {
      try {
        const exact = await this.link.ask({ type: 'cell', cell: [cell.i, cell.j], at: this.at });
        if (mine === this.#exact && this.hovered) this.#read(cell, exact, keyboard);
      } catch { /* The approximate value stays, and says that it is one. */ }
    }, keyboard ? 0 : 70);
  }

  #readNothing() {
    this.dom.readout.replaceChildren(make('span', { class: 'where' }, 'Point at a map to read a cell; drag to move, wheel or pinch to zoom.'));
  }

  #read({ i, j }, exact, aloud) {
    const shown = exact ? exact.value : this.values.plane.at(i, j);
    const value = Number.isFinite(shown) ? `${exact ? '' : '≈ '}${numberText(shown, exact ? 9 : 4)}${this.units}` : 'no value';
    const words = [];
    if (exact && exact.original !== undefined && exact.original !== exact.value && !(Number.isNaN(exact.original) && Number.isNaN(exact.value))) words.push(`was ${numberText(exact.original ?? NaN, 9)}`);
    const sea = this.maps.get('oceans')?.plane.at(i, j), passage = this.maps.get('passages')?.plane.at(i, j), pole = this.maps.get('poles')?.plane.at(i, j);
    if (sea > 0) words.push(`internal sea ${sea}`);
    else if (sea < 0) words.push('main ocean');
    if (passage === 2) words.push('narrow passage');
    if (pole === 1) words.push('to correct at the pole');
    const name = this.basinName(shown);
    if (name) words.unshift(name);
    const [x, y] = this.grid.geographic ? this.grid.center(i, j) : [exact?.lon, exact?.lat];
    const where = Number.isFinite(x) ? `${latText(exact?.lat ?? y, 3)} ${lonText(exact?.lon ?? x, 3)} · ` : '';
    this.dom.readout.replaceChildren(make('span', { class: 'value' }, value), words.length ? make('span', { class: 'words' }, words.join(' · ')) : '', make('span', { class: 'where' }, `${where}i ${i} · j ${j}`));
    if (aloud && exact) this.say(`${value} ${words.join(', ')}, ${where}column ${i}, row ${j}`);
  }

  basinName(value) { return this.about.meaning === 'basins' ? ['Land', 'Atlantic', 'Pacific', 'Indian Ocean'][value] : null; }

  // ---- slices of variables with more dimensions ----

  #slices() {
    const { dimensions } = this.variable, { slices } = this.dom;
    const variables = this.about.app === 'value_changer' ? this.about.field.variables.filter((v) => !v.position) : [];
    slices.replaceChildren();
    if (variables.length > 1) {
      const select = make('select', { 'data-variable': '', onchange: () => { const url = new URL(location.href); url.searchParams.set('variable', select.value); location.assign(url); } },
        ...variables.map((v) => make('option', { value: v.name, selected: v.name === this.variable.name }, v.long_name && v.long_name.toLowerCase() !== v.name.toLowerCase() ? `${v.name} – ${v.long_name}` : v.name)));
      slices.append(make('label', { class: 'control' }, make('span', {}, 'Variable'), select));
    }
    for (const [k, dimension] of dimensions.entries()) if (dimension.length > 1) slices.append(this.#slider(dimension, k));
    slices.hidden = !slices.children.length;
  }

  #slider(dimension, k) {
    const text = make('output'), input = make('input', { type: 'range', min: 0, max: dimension.length - 1, value: 0, 'aria-label': dimension.name, oninput: () => go(Number(input.value)) });
    const show = () => {
      const at = this.at[k], value = dimension.values[at], place = `${at + 1} of ${dimension.length}`;
      text.textContent = value === undefined ? place : `${numberText(value)} (${place})`;
      input.value = at;
    };
    const go = (to) => {
      const at = Math.min(dimension.length - 1, Math.max(0, to));
      if (at === this.at[k]) return;
      this.at = this.at.with(k, at);
      show();
      clearTimeout(this.sliding);
      this.sliding = setTimeout(() => this.#sliced(), 40);
    };
    show();
    const [less, more] = [[-1, '‹', 'Previous'], [1, '›', 'Next']].map(([by, sign, word]) => make('button', { type: 'button', class: 'small', 'aria-label': `${word} ${dimension.name}`, onclick: () => go(this.at[k] + by) }, sign));
    return make('div', { class: 'control slice' }, make('span', {}, `${dimension.name}: `, text), make('div', { class: 'slider' }, less, input, more));
  }

  /** Another slice is shown. */
  #sliced() {
    this.range = null;
    this.#askViews();
    this.#reselect();
    for (const panel of this.panels) panel.changed?.({ maps: this.about.maps });
  }

  #askViews() { for (const map of this.maps.keys()) this.#askView(map); }

  async #askView(map) {
    try {
      const { header, planes } = await this.link.ask({ type: 'view', map, at: this.at });
      this.maps.get(map).sequence = -1;
      this.#onWindow(header, planes);
    } catch (error) { this.showError(error); }
  }

  // ---- panels and keys ----

  openPanel(name) {
    for (const panel of this.panels) {
      const here = panel.name === name;
      panel.tab.setAttribute('aria-selected', String(here));
      panel.tab.tabIndex = here ? 0 : -1;
      if (panel.element.hidden === here) {
        panel.element.hidden = !here;
        (here ? panel.shown : panel.left)?.call(panel);
      }
    }
  }

  panel(name) { return this.panels.find((panel) => panel.name === name); }

  #keys() {
    document.addEventListener('keydown', (event) => {
      const typing = event.target.closest?.('input:not([type=checkbox]):not([type=range]), select, textarea, dialog');
      const command = event.ctrlKey || event.metaKey;
      if (command && !event.altKey && event.key.toLowerCase() === 'z' && !typing) {
        event.preventDefault();
        return this.step(event.shiftKey ? 'redo' : 'undo');
      }
      if (command && event.key.toLowerCase() === 'y' && !typing) { event.preventDefault(); return this.step('redo'); }
      if (command && event.key.toLowerCase() === 's') { event.preventDefault(); if (this.writable) this.saving.open(); return undefined; }
      if (typing || command || event.altKey) return undefined;
      if (event.code === 'Space' && !event.target.closest?.('button, summary, canvas, a, input')) { this.panning = true; event.preventDefault(); }
      const tool = { v: 'move', b: 'box', l: 'lasso', c: 'cells' }[event.key.toLowerCase()];
      if (tool && !event.shiftKey) { this.use(tool); this.say(`${this.dom.tools.querySelector(`[data-tool=${tool}]`).getAttribute('aria-label')}.`); }
      if (event.key === 'Escape') this.#escape();
      return undefined;
    });
    document.addEventListener('keyup', (event) => { if (event.code === 'Space') this.panning = false; });
  }

  #escape() {
    if (this.look.element.open) return;
    this.tool.cancel?.();
    if (this.focused) { this.focused = null; this.overlays(); } else if (this.hovered?.keyboard) { this.hovered = null; this.overlays(); this.#readNothing(); } else if (this.selection) this.select(null);
  }
}

const describe = (what) => ({ apply: 'A change', undo: 'Undone', redo: 'Done again', revert: 'An action was reverted', restore: 'An earlier state was restored', import: 'A recipe was applied', rebase: 'Moved to a newer revision' })[what] ?? 'Changed';

const editor = new Editor(document.querySelector('[data-socket]'));
// For tests and measurements, which ask what is shown.
window.climsimEditor = editor;
