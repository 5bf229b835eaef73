/** What follows from the edited map in the steps after it, shown as it is edited: river basins, the ocean's bathymetry. */

import { MeshGrid } from '../map/grid.js';
import { numberText } from '../map/view.js';
import { count, make } from '../map/dom.js';
import { Plane } from './plane.js';

const TITLES = { routing: 'River basins', bathymetry: 'Ocean bathymetry' };

export class Consequences {
  /** Those that are shown, as the editor's other maps. */
  maps = new Map();
  #following = false;

  constructor(editor) {
    this.editor = editor;
    this.element = make('div', { class: 'more', hidden: true });
  }

  /** A new draft: offers what its server can compute. */
  begin() {
    const offered = this.editor.about.consequences ?? [];
    this.maps.clear();
    this.#following = false;
    this.element.hidden = !offered.length;
    this.element.replaceChildren(make('span', {}, 'Show what follows, as you edit:'), ...offered.map((of) => make('label', { class: 'check' },
      make('input', { type: 'checkbox', 'data-consequence': of, onchange: (event) => { if (!event.target.checked) this.#drop(of); this.follow(); } }), make('span', {}, TITLES[of] ?? of))));
  }

  /** Tells the server what is wanted; to be told again on every connection. */
  follow() {
    const { editor } = this;
    const on = [...this.element.querySelectorAll('input:checked')].map((input) => input.dataset.consequence);
    if (!on.length && !this.#following) return;
    this.#following = on.length > 0;
    for (const of of on) if (!this.maps.has(of)) this.#map(of).note.textContent = 'Computing …';
    editor.link.ask({ type: 'consequences', on }).catch((error) => editor.showError(error));
  }

  /** The edited map has changed. */
  outdated() { for (const { note } of this.maps.values()) note.textContent = 'Computing …'; }

  #map(of) {
    const { editor } = this;
    let entry = this.maps.get(of);
    if (!entry) {
      entry = editor.addMap({ map: of, title: TITLES[of] ?? of }, new Plane(editor.rows, editor.columns));
      this.maps.set(of, entry);
      editor.arrange();
    }
    return entry;
  }

  #drop(of) {
    const entry = this.maps.get(of);
    if (!entry) return;
    if (entry.pane.large) this.editor.enlarge('values');
    entry.pane.element.remove();
    entry.choice.remove();
    this.maps.delete(of);
    this.editor.arrange();
  }

  /** What the server has computed. */
  take(header, planes) {
    const { editor } = this;
    if (!this.element.querySelector(`[data-consequence="${header.of}"]`)?.checked) return;
    const entry = this.#map(header.of), { note, pane } = entry;
    note.classList.toggle('bad', Boolean(header.error));
    note.textContent = note.title = header.error ?? '';
    if (header.error) return;
    const [columns, rows] = header.size, find = (name) => planes.find((plane) => plane.name === name)?.values;
    if (entry.plane.rows !== rows || entry.plane.columns !== columns) entry.plane = pane.plane = new Plane(rows, columns);
    entry.plane.put({ level: 0, i: 0, j: 0, ni: columns, nj: rows, values: find('values') });
    editor.look.paintOwn(entry, header);
    // With corners of its own it is on another grid, which stays the same from edit to edit.
    const corners = find('lon');
    if (!pane.grid || (!corners && pane.grid !== editor.grid)) {
      pane.apart = Boolean(corners);
      pane.useGrid(corners ? new MeshGrid({ header: { level: 0, size: [columns, rows] }, planes: [{ values: corners }, { values: find('lat') }] }, { columns, rows }) : editor.grid);
      if (editor.linked(editor.values.pane, pane)) pane.follow(editor.values.pane.camera);
    }
    pane.redraw();
    const findings = header.findings ?? [];
    note.textContent = [`${numberText(header.seconds, 2)} s`, ...(findings.length ? [count(findings.length, 'finding')] : [])].join(', ');
    note.title = findings.map((finding) => finding.message).join('\n');
    editor.root.dataset[header.of] = header.sequence;
    if (pane.large) editor.look.legend();
  }
}
