/** Guided fixes: what would be changed is shown on the maps, with its effect on the counts, before it is applied. */

import { check, count, labelled, make } from '../map/dom.js';
import { icon } from './icons.js';
import { LineTool } from './tools.js';

const number = (name, value, more = {}) => make('input', { type: 'number', name, value, step: 'any', ...more });

/** The fixes. `on` are the meanings of maps that they make sense on; `build` makes the operation from the form. */
const FIXES = {
  fill: {
    title: 'Fill closed seas', on: ['elevation', 'downwards', 'depth'], hint: 'Fills every internal sea that the selection touches; with nothing selected, all of them.',
    fields: (panel) => [panel.choice('to', [['land', 'To land'], ...(hasHeights(panel) ? [['sill', 'To its sill']] : [])]),
      ...(hasHeights(panel) ? [labelled('Height of the land, m', number('height', '', { min: 0, placeholder: 'of the lowest shore' }))] : [])],
    build: (form) => ({ fill_seas: { to: form.to === 'sill' ? 'sill' : { land: height(form.height) } } }),
  },
  channel: {
    title: 'Open a channel', on: ['elevation', 'downwards', 'depth'], line: true, hint: 'Click points along the way on a map (or drag). Esc begins anew.',
    fields: () => [make('div', { class: 'pair' }, labelled('Width, cells', number('width', 1, { min: 1, max: 100, step: 1 })), labelled('Depth, m', number('depth', 50, { min: 0 })))],
    build: (form, panel) => ({ open_channel: { line: panel.editor.shapes.line(panel.line.points), width: Number(form.width), depth_m: Number(form.depth) } }),
  },
  widen: {
    title: 'Widen narrow passages', on: ['elevation', 'downwards', 'depth'], hint: 'Makes passages of one cell two cells wide: the selected ones, or all of them.',
    fields: () => [], build: () => ({ widen_passages: {} }),
  },
  close: {
    title: 'Close narrow passages', on: ['elevation', 'downwards', 'depth'], hint: 'Makes land of passages of one cell: the selected ones, or all of them.',
    fields: (panel) => hasHeights(panel) ? [labelled('Height of the land, m', number('height', '', { min: 0, placeholder: 'of the lower bank' }))] : [],
    build: (form) => ({ close_passages: height(form.height) }),
  },
  poles: {
    title: 'Apply the pole rules', on: ['elevation', 'downwards', 'depth'], hint: 'South of 78° S all is land; north of 86° N all is what most of it is.',
    fields: () => [], build: () => ({ pole_rules: {} }),
  },
  smooth: {
    title: 'Smooth', on: ['elevation', 'downwards', 'depth', 'plain'], needs: true, hint: 'Each selected cell becomes the mean over it and its eight neighbours.',
    fields: (panel) => [labelled('How many times', number('passes', 1, { min: 1, max: 100, step: 1 })), ...(panel.editor.hasSea ? [check('Keep the coast where it is', true, () => panel.changedForm())] : [])],
    build: (form, panel) => ({ smooth: { passes: Number(form.passes), keep_coast: panel.form.querySelector('[type=checkbox]')?.checked ?? false } }),
  },
  copy: {
    title: 'Copy from another revision', on: ['elevation', 'downwards', 'depth', 'plain', 'basins'], needs: true, hint: 'Selected cells take the values that they have there.',
    fields: (panel) => [panel.sources()],
    build: () => ({ copy: { source: '', cells: [] } }),
  },
  twins: {
    title: 'Make doubled cells agree', on: ['elevation', 'downwards', 'depth', 'basins'], fold: true, hint: 'Cells of the overlap and the fold of the ocean grid take the value of the inner one, as the ocean model does.',
    fields: () => [], build: () => ({ match_twins: {} }),
  },
};

const hasHeights = (panel) => ['elevation', 'downwards'].includes(panel.editor.about.meaning);
const height = (text) => text === '' || text === undefined ? {} : { height_m: Number(text) };

export class FixPanel {
  name = 'fix';
  title = 'Fix';
  chosen = null;
  #previewed = null;

  constructor(editor) {
    this.editor = editor;
    this.line = new LineTool(editor, () => this.changedForm());
    this.list = make('div', { class: 'fixes', role: 'group', 'aria-label': 'Fixes' });
    this.form = make('form', { class: 'stack fix', hidden: true, novalidate: true, oninput: () => this.changedForm(), onsubmit: (event) => { event.preventDefault(); this.#apply(); } });
    this.effect = make('div', { class: 'effect', role: 'status' });
    this.apply = make('button', { class: 'primary', 'data-do': 'apply-fix' }, 'Apply');
    this.element = make('div', {}, this.list, this.form);
  }

  opened(fresh) {
    if (!fresh) return;
    const { about } = this.editor;
    this.list.replaceChildren(...Object.entries(FIXES).filter(([, fix]) => fix.on.includes(about.meaning) && (!fix.fold || about.fold || about.overlap)).map(([name, fix]) =>
      make('button', { type: 'button', 'data-fix': name, 'aria-pressed': 'false', onclick: () => this.choose(this.chosen === name ? null : name) }, fix.title)));
    this.choose(null);
  }

  enable(can) {
    this.can = can;
    this.#button();
  }

  #button() { this.apply.disabled = !this.can || !this.#previewed; }

  /** Opens the form of a fix; `selection` is what it is to be about. */
  choose(name, selection) {
    this.chosen = name;
    for (const button of this.list.children) button.setAttribute('aria-pressed', String(button.dataset.fix === name));
    this.editor.preview(null);
    this.#previewed = null;
    if (this.editor.tool === this.line) this.editor.use('move');
    this.line.points = [];
    this.form.hidden = !name;
    if (!name) return this.editor.overlays();
    if (selection) this.editor.select(selection, 'replace');
    const fix = FIXES[name];
    this.form.replaceChildren(make('p', { class: 'quiet' }, fix.hint), ...fix.fields(this), this.effect, make('div', { class: 'actions' }, this.apply, make('button', { type: 'button', onclick: () => this.choose(null) }, 'Cancel')));
    if (fix.line) this.editor.use('line', this.line);
    this.list.querySelector(`[data-fix=${name}]`).after(this.form);
    this.changedForm();
  }

  choice(name, list) {
    return make('div', { class: 'segments', role: 'radiogroup' }, ...list.map(([value, text], k) => make('label', {}, make('input', { type: 'radio', name, value, checked: k === 0 }), make('span', {}, text))));
  }

  /** The revisions that can be copied from. */
  sources() {
    const select = make('select', { name: 'from' }, make('option', { value: '' }, 'Loading …'));
    this.editor.link.ask({ type: 'sources' }).then(({ items }) => {
      select.replaceChildren(...items.map((item) => make('option', { value: JSON.stringify({ revision: item.revision, file_type: item.file_type }) }, `Revision ${item.revision}: ${item.title}, ${String(item.created).slice(0, 16)}`)));
      if (!items.length) select.append(make('option', { value: '' }, 'There is no other revision on this grid'));
      this.changedForm();
    }).catch((error) => this.editor.showError(error));
    return labelled('From', select);
  }

  shown() { if (this.chosen) this.changedForm(); }
  left() { if (this.chosen) this.choose(null); }
  selectionChanged() { if (this.chosen && !this.element.hidden) this.changedForm(); }
  changed(header) { if (this.chosen && !this.element.hidden && header.what !== undefined) this.changedForm(); }

  /** Previews soon. */
  changedForm() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#preview(), 120);
  }

  #request() {
    const { editor } = this, fix = FIXES[this.chosen], form = Object.fromEntries(new FormData(this.form));
    if (fix.needs && !editor.selected?.cells) throw new Error('Select the cells first.');
    if (fix.line && this.line.points.length < 2) throw new Error('Set at least two points.');
    const action = { operation: fix.build(form, this) };
    if (editor.selection && !fix.line) Object.assign(action, { selection: editor.selection, ...(editor.hasSea && fix.needs ? { filter: editor.filter } : {}) });
    if (this.chosen !== 'copy') return { action };
    if (!form.from) throw new Error('Choose what to copy from.');
    return { action, copy: JSON.parse(form.from) };
  }

  async #preview() {
    if (!this.chosen || !this.editor.online) return;
    const mine = this.mine = (this.mine ?? 0) + 1;
    this.#previewed = null;
    this.#button();
    let request;
    try { request = this.#request(); } catch (error) {
      this.editor.preview(null);
      return this.#say(make('span', { class: 'quiet' }, error.message));
    }
    try {
      const { header, planes } = await this.editor.link.ask({ type: 'preview', ...request, at: this.editor.at });
      if (mine !== this.mine || !this.chosen) return;
      const cells = planes.find((plane) => plane.name === 'values.cells')?.values ?? [];
      this.editor.preview(cells);
      this.#previewed = cells.length ? request : null;
      this.#button();
      this.#say(...this.#effects(cells.length, header.before ?? {}, header.counts ?? {}), header.bounds || cells.length ? this.#look(cells) : null);
    } catch (error) {
      if (mine !== this.mine) return;
      this.editor.preview(null);
      if (error.code !== 'lost') this.#say(make('span', { class: 'error' }, error.message));
    }
  }

  /** A button that brings what would change into view. */
  #look(cells) {
    if (!cells.length) return null;
    const { columns } = this.editor;
    let [i0, i1, j0, j1] = [Infinity, -1, Infinity, -1];
    for (const cell of cells) {
      const i = cell % columns, j = (cell - i) / columns;
      i0 = Math.min(i0, i); i1 = Math.max(i1, i); j0 = Math.min(j0, j); j1 = Math.max(j1, j);
    }
    return make('button', { type: 'button', class: 'small', onclick: () => this.editor.jump([i0, j0, i1 - i0 + 1, j1 - j0 + 1]) }, icon('find'), 'Show');
  }

  #effects(n, before, after) {
    if (!n) return [make('span', { class: 'quiet' }, 'Nothing would change.')];
    const words = { oceans: 'Internal seas', passages: 'Narrow passages', poles: 'Cells at the poles' };
    const rows = Object.entries(words).filter(([key]) => before[key] !== undefined && after[key] !== undefined).map(([key, text]) => {
      const better = after[key] < before[key] ? 'better' : after[key] > before[key] ? 'worse' : '';
      return make('tr', { class: better }, make('td', {}, text), make('td', {}, `${before[key]}`), make('td', { 'aria-label': 'becomes' }, '→'), make('td', {}, `${after[key]}`));
    });
    return [make('span', {}, 'Would change ', make('strong', {}, count(n, 'cell')), ', shown on the maps.'), rows.length ? make('table', {}, make('tbody', {}, ...rows)) : null];
  }

  #say(...nodes) { this.effect.replaceChildren(...nodes.filter(Boolean)); }

  async #apply() {
    const request = this.#previewed, { editor } = this;
    if (!request || !this.can) return;
    const answer = await editor.change({ type: 'apply', ...request, at: editor.at });
    if (!answer) return;
    const title = FIXES[this.chosen]?.title;
    this.choose(null);
    editor.say(`${title}: done.`);
  }
}
