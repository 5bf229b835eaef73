/** Fit for the model? What would make it fail, each with its cells to jump to and a way to mend it. */

import { latText, lonText } from '../map/view.js';
import { count, make } from '../map/dom.js';
import { icon } from './icons.js';

/** Which fix helps against which finding. */
const MENDED = { 'internal-oceans': 'fill', 'isolated-sea-cells': 'fill', 'passage-problems': 'widen', 'pole-rules': 'poles', 'doubled-cells-differ': 'twins' };
const LISTS = { oceans: 'Internal seas', passages: 'Narrow passages' };
const SHOWN = 50;

export class CheckPanel {
  name = 'check';
  title = 'Check';
  #at = new Map();

  constructor(editor) {
    this.editor = editor;
    this.findings = make('div', { class: 'findings' });
    this.lists = make('div', {});
    this.element = make('div', {}, make('h3', {}, 'Fit for the model?'), this.findings, this.lists);
  }

  opened(fresh) { if (fresh) this.found = null; this.refresh(); }
  viewed() { this.refresh(); }
  shown() { this.refresh(); }
  changed(header) { if (header.maps.length) this.refresh(300); }

  /** Asks again, soon; the badge and the marks on the maps are kept true while the panel is hidden. */
  refresh(after = 0) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#load(), after);
  }

  async #load() {
    const { editor } = this;
    if (!editor.online || !editor.about.writable) return;
    const mine = this.mine = (this.mine ?? 0) + 1;
    try {
      const maps = Object.keys(LISTS).filter((map) => editor.maps.has(map));
      const [fitness, ...lists] = await Promise.all([editor.link.ask({ type: 'fitness', at: editor.at }), ...maps.map((map) => editor.link.ask({ type: 'list', map, at: editor.at }))]);
      if (mine !== this.mine) return;
      // What is the same stays in place, and keeps the focus.
      const found = JSON.stringify([fitness.findings, lists.map((list) => [list.items, list.of])]);
      if (found === this.found) return;
      this.found = found;
      this.#showFindings(fitness.findings);
      this.#showLists(maps, lists);
    } catch (error) { editor.showError(error); }
  }

  #showFindings(findings) {
    const bad = findings.filter((f) => f.severity !== 'info' && f.severity !== 'note');
    this.badge.hidden = false;
    this.badge.textContent = bad.length ? String(bad.length) : '✓';
    this.badge.classList.toggle('good', bad.length === 0);
    this.badge.setAttribute('aria-label', bad.length ? count(bad.length, 'finding') : 'no findings');
    this.editor.root.dataset.findings = bad.length;
    if (!findings.length) {
      this.findings.replaceChildren(make('p', { class: 'fit' }, 'Nothing found that would make the model fail.'));
      return;
    }
    this.findings.replaceChildren(...findings.map((finding) => this.#finding(finding)));
  }

  #finding({ code, severity, message, cells = [], of = cells.length }) {
    const { editor } = this;
    const place = make('span', { class: 'quiet' });
    const show = (by) => {
      const k = ((this.#at.get(code) ?? (by > 0 ? -1 : 0)) + by + cells.length) % cells.length;
      this.#at.set(code, k);
      place.textContent = `${k + 1} of ${of.toLocaleString('en')}`;
      editor.jump([...cells[k], 1, 1]);
    };
    const mend = MENDED[code], able = mend && editor.panel('fix').list.querySelector(`[data-fix=${mend}]`);
    return make('article', { class: `finding ${severity}`, 'data-code': code }, make('p', {}, message), make('div', { class: 'actions' },
      ...(cells.length > 1 ? [make('button', { type: 'button', class: 'small', 'aria-label': `Previous: ${message}`, onclick: () => show(-1) }, '‹')] : []),
      ...(cells.length ? [make('button', { type: 'button', class: 'small', 'data-do': 'show', 'aria-label': `Show ${message}`, onclick: () => show(1) }, icon('find'), cells.length > 1 ? 'Show the next' : 'Show'), place] : []),
      ...(able ? [make('button', { type: 'button', class: 'small', 'data-do': 'mend', onclick: () => { editor.openPanel('fix'); editor.panel('fix').choose(mend, mend === 'poles' ? null : editor.shapes.cells(cells)); } }, 'Fix …')] : [])));
  }

  #showLists(maps, lists) {
    const { editor } = this;
    for (const [k, map] of maps.entries()) {
      const entry = editor.maps.get(map);
      // Only what would not be seen from afar.
      entry.pane.marks = lists[k].items.filter((item) => (item.cells ?? 1) <= 9).map((item) => item.cell);
      entry.pane.drawOver();
    }
    this.lists.replaceChildren(...maps.flatMap((map, k) => {
      const { items, of = items.length } = lists[k];
      if (!items.length) return [];
      const rows = items.slice(0, SHOWN).map((item) => make('li', {}, make('button', { type: 'button', class: 'row', 'data-jump': map, onclick: () => editor.jump([...item.cell, 1, 1], map) },
        make('span', {}, map === 'oceans' ? `Sea ${item.number}` : place(item)), make('span', { class: 'quiet' }, map === 'oceans' ? `${count(item.cells, 'cell')} · ${place(item)}` : '')),
      make('button', { type: 'button', class: 'small', 'aria-label': map === 'oceans' ? `Fix sea ${item.number}` : `Fix the passage at ${place(item)}`, onclick: () => this.#mend(map, item) }, 'Fix …')));
      return [make('h3', {}, LISTS[map], make('span', { class: 'quiet' }, ` ${of.toLocaleString('en')}`)), make('ul', { class: 'items' }, ...rows), of > SHOWN ? make('p', { class: 'quiet' }, `The first ${SHOWN} are listed; all are marked on the map.`) : ''];
    }));
  }

  #mend(map, item) {
    const { editor } = this;
    editor.jump([...item.cell, 1, 1], map);
    editor.openPanel('fix');
    editor.panel('fix').choose(map === 'oceans' ? 'fill' : 'widen', editor.shapes.cells([item.cell]));
  }
}

const place = ({ cell, lat, lon }) => Number.isFinite(lat) ? `${latText(lat, 1)} ${lonText(lon, 1)}` : `i ${cell[0]}, j ${cell[1]}`;
