/** What is selected, and changing it: absolute, relative, percentage, or a sub-basin. */

import { numberText } from '../map/view.js';
import { check, count, make } from '../map/dom.js';
import { Histogram } from './histogram.js';

const KINDS = [['absolute', 'Set to'], ['relative', 'Add'], ['percentage', 'Percent']];
const BASINS = [[1, 'Atlantic'], [2, 'Pacific'], [3, 'Indian Ocean']];

export class ChangePanel {
  name = 'change';
  title = 'Change';
  #kind = 'absolute';

  constructor(editor) {
    this.editor = editor;
    this.histogram = new Histogram(editor);
    const filter = () => editor.setFilter({ land: land.querySelector('input').checked, ocean: sea.querySelector('input').checked });
    const land = check('Land', true, filter), sea = check('Sea', true, filter);
    land.querySelector('input').dataset.filter = 'land';
    sea.querySelector('input').dataset.filter = 'ocean';
    this.summary = make('div', { class: 'selected', role: 'status' });
    this.filters = make('div', { class: 'checks' }, make('span', {}, 'Include'), land, sea);
    this.value = make('input', { type: 'number', step: 'any', required: true, 'aria-label': 'Value', 'data-value': '' });
    this.kinds = make('div', { class: 'segments', role: 'radiogroup', 'aria-label': 'Kind of change' }, ...KINDS.map(([kind, text]) =>
      make('label', {}, make('input', { type: 'radio', name: 'kind', value: kind, checked: kind === 'absolute', onchange: () => { this.#kind = kind; this.selectionChanged(); } }), make('span', {}, text))));
    this.apply = make('button', { class: 'primary', 'data-do': 'apply' }, 'Apply');
    this.form = make('form', { class: 'stack', novalidate: true, onsubmit: (event) => { event.preventDefault(); this.#apply(); } }, this.kinds, make('div', { class: 'value' }, this.value, this.unit = make('span', { class: 'quiet' }), this.apply));
    this.basins = make('div', { class: 'basins', role: 'group', 'aria-label': 'Sub-basin', hidden: true }, ...BASINS.map(([number, text]) =>
      make('button', { type: 'button', 'data-basin': number, onclick: () => this.#set(number) }, make('i', { class: `basin-${number}` }), text)));
    this.element = make('div', {}, make('h3', {}, 'Selected'), this.summary, this.filters, make('h3', {}, 'Change them'), this.form, this.basins, this.hint = make('p', { class: 'quiet' }),
      make('h3', {}, 'Select by value'), this.histogram.element);
  }

  opened() {
    const { about } = this.editor, basins = about.meaning === 'basins';
    this.form.hidden = basins;
    this.basins.hidden = !basins;
    this.filters.hidden = basins || about.meaning === 'plain';
    this.hint.textContent = basins ? 'Land stays land. Keys 1, 2, 3 do the same.' : '';
    this.unit.textContent = this.editor.units.trim();
    if (basins && !this.keyed) {
      this.keyed = true;
      document.addEventListener('keydown', (event) => {
        if (event.target.closest?.('input, select, textarea, dialog') || event.ctrlKey || event.metaKey || event.altKey) return;
        if (['1', '2', '3'].includes(event.key)) this.#set(Number(event.key));
      });
    }
    this.selectionChanged();
  }

  viewed() { this.histogram.refresh(true); }
  shown() { this.histogram.refresh(true); }
  changed() { this.histogram.refresh(); }

  enable(can) {
    this.can = can;
    this.#buttons();
  }

  #buttons() {
    const some = (this.editor.selected?.cells ?? 0) > 0;
    this.apply.disabled = !this.can || !some;
    for (const button of this.basins.children) button.disabled = !this.can || !some;
  }

  selectionChanged() {
    const { editor, summary } = this, s = editor.selected;
    this.#buttons();
    this.histogram.refresh();
    const percent = this.#kind === 'percentage';
    this.unit.textContent = percent ? '%' : editor.units?.trim() ?? '';
    if (!s) {
      summary.replaceChildren(make('span', { class: 'quiet' }, 'Nothing yet. Draw a box or a lasso on a map, pick cells, or drag over the values below.'));
      return;
    }
    const lines = [make('strong', {}, count(s.cells, 'cell'))];
    if (s.cells && editor.hasSea && editor.about.meaning !== 'basins') lines.push(make('span', {}, `${s.land.toLocaleString('en')} land, ${s.ocean.toLocaleString('en')} sea`));
    if (s.cells && s.area_km2 > 0) lines.push(make('span', {}, `${area(s.area_km2)} km²`));
    if (s.cells && Number.isFinite(s.min) && editor.about.meaning !== 'basins') lines.push(make('span', { class: 'values' }, `${numberText(s.min, 6)} to ${numberText(s.max, 6)}, mean ${numberText(s.mean, 5)}${editor.units}`));
    if (!s.cells) lines.push(make('span', { class: 'quiet' }, !editor.filter.land || !editor.filter.ocean ? 'Nothing passes the land and sea filter.' : 'No cell has its middle in the shape.'));
    summary.replaceChildren(...lines);
  }

  async #apply() {
    const { editor } = this, value = Number(this.value.value);
    if (!this.can) return;
    if (this.value.value.trim() === '' || !Number.isFinite(value)) {
      this.value.setAttribute('aria-invalid', 'true');
      this.value.focus();
      this.hint.textContent = 'Type a number first.';
      return;
    }
    this.value.removeAttribute('aria-invalid');
    this.hint.textContent = '';
    const answer = await editor.apply({ operation: { [this.#kind]: { value } }, selection: editor.selection, filter: editor.filter });
    if (answer) this.#tell(answer);
  }

  async #set(number) {
    const { editor } = this;
    if (!this.can || !editor.selected?.cells) return;
    const answer = await editor.apply({ operation: { absolute: { value: number } }, selection: editor.selection });
    if (answer) this.#tell(answer);
  }

  #tell({ header }) {
    const cells = header.maps.find((m) => m.map === 'values')?.cells ?? 0;
    const text = cells ? `${count(cells, 'cell')} changed.` : 'No cell changed: they have that value already.';
    this.editor.say(text);
    this.hint.textContent = text;
  }
}

const area = (km2) => km2 >= 1e6 ? `${numberText(km2 / 1e6, 3)} million` : Math.round(km2).toLocaleString('en');
