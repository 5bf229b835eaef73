/** How the maps look: colours, limits, steps, a value drawn as missing, lines, and how a curvilinear grid is drawn. */

import { STYLE_MAPS, codeColor, colorMaps, css } from '../map/colors.js';
import { colourBar } from '../map/legend.js';
import { numberText } from '../map/view.js';
import { check, labelled, make, options } from '../map/dom.js';
import { colours } from './plane.js';

const BASINS = ['Land', 'Atlantic', 'Pacific', 'Indian Ocean'];

export class Display {
  look = { kind: 'values', map: 'viridis', lo: 0, hi: 1, categorical: false, reversed: false, steps: 0, codes: null, mask: null };
  #limits = 'auto';
  #key = '';

  constructor(editor) {
    this.editor = editor;
    const change = () => this.apply();
    const d = this.dom = {
      map: make('select', { onchange: () => { this.look.map = d.map.value; change(); } }, ...options(colorMaps())),
      limits: make('select', { onchange: () => { this.#limits = d.limits.value; this.limits(true); } }, ...options([['auto', 'Automatic'], ['full', 'Smallest to largest'], ['robust', 'Without extremes (2–98 %)'], ['hand', 'By hand']])),
      lo: make('input', { type: 'number', step: 'any', onchange: () => this.#byHand() }),
      hi: make('input', { type: 'number', step: 'any', onchange: () => this.#byHand() }),
      steps: make('select', { onchange: () => { this.#steps(); change(); } }, ...options([['0', 'Smooth'], ...[6, 8, 10, 12, 16, 20].map((n) => [`${n}`, `${n} bands`]), ['by', 'Every …']])),
      by: make('input', { type: 'number', step: 'any', min: 0, 'aria-label': 'Width of a step', hidden: true, onchange: () => { this.#steps(); change(); } }),
      mask: make('input', { type: 'number', step: 'any', placeholder: 'none', onchange: () => { this.look.mask = d.mask.value === '' ? null : Number(d.mask.value); change(); } }),
      projection: make('select', { onchange: () => editor.useProjection(d.projection.value) }, ...options([['geographic', 'Longitude and latitude'], ['index', 'Cell numbers']])),
    };
    d.hand = make('div', { class: 'pair', hidden: true }, labelled('From', d.lo), labelled('To', d.hi));
    d.codes = make('div', { class: 'stack' }, labelled('Colours', d.map), labelled('Limits', d.limits), d.hand, make('div', { class: 'pair' }, labelled('Steps', d.steps), labelled('Draw as missing', d.mask)), d.by,
      check('Reverse the colours', false, (on) => { this.look.reversed = on; change(); }));
    const draw = (name) => (on) => { editor.display[name] = on; for (const { pane } of editor.maps.values()) pane.redraw(); };
    this.element = make('details', { class: 'menu display' }, make('summary', {}, 'Display'),
      make('div', { class: 'stack' }, d.codes, labelled('Draw by', d.projection), check('Grid of coordinates', true, draw('lines')), check('Edges of cells when close', true, draw('edges'))));
  }

  /** A new map. */
  begin() {
    const { about, variable } = this.editor, style = about.maps.find((m) => m.map === 'values')?.style ?? variable.style;
    const basins = about.meaning === 'basins';
    Object.assign(this.look, { kind: basins ? 'basins' : 'values', categorical: style === 'categorical', map: STYLE_MAPS[style] ?? 'viridis', mask: null, steps: 0, codes: null });
    this.#limits = 'auto';
    this.#key = '';
    this.dom.map.value = this.look.map;
    this.dom.codes.hidden = basins || this.look.categorical;
    this.dom.projection.parentElement.hidden = !this.editor.curvilinear;
    for (const entry of this.editor.maps.values()) if (entry.about.map !== 'values') this.#paintDerived(entry);
  }

  /** The colours of derived maps say what each is about. */
  #paintDerived(entry) {
    const { map, style } = entry.about, { dark } = this.editor;
    const look = map === 'oceans' ? { kind: 'oceans' } : map === 'passages' ? { kind: 'marks', marked: 2 } : map === 'poles' ? { kind: 'marks', marked: 1 }
      : { kind: 'values', ...this.#bounds(entry), map: STYLE_MAPS[style] ?? 'viridis', categorical: style === 'categorical' };
    entry.plane.paint({ ...look, dark });
    entry.look = look;
  }

  #bounds({ range, plane }) {
    const [lo, hi] = range ?? plane.range().full;
    return { lo: Math.min(lo, 0), hi };
  }

  /** River basins have a colour each, whatever their number; a bathymetry looks like one. */
  paintOwn(entry, header) {
    const { plane } = entry, [lo, hi] = header.range ?? plane.range().full;
    entry.look = header.of === 'routing' ? { kind: 'rivers' } : { kind: 'values', map: 'depth', lo: Math.min(0, lo), hi, steps: 0 };
    plane.paint({ ...entry.look, dark: this.editor.dark });
  }

  /** Limits after values have come or changed. */
  limits(always = false) {
    const { editor, look } = this, entry = editor.values;
    if (!entry?.plane.layers.length) return;
    const style = entry.about.style ?? editor.variable.style;
    if (this.#limits !== 'hand') {
      const known = editor.range ?? entry.range;
      const { full, robust } = this.#limits === 'robust' || !known ? entry.plane.range() : { full: known, robust: entry.robust };
      let [lo, hi] = this.#limits === 'robust' ? robust : full;
      if (style === 'diverging') { const most = Math.max(Math.abs(lo), Math.abs(hi)) || 1; [lo, hi] = [-most, most]; }
      if (style === 'depth' && lo > 0) lo = 0;
      Object.assign(look, { lo, hi });
    }
    this.dom.lo.value = Number(look.lo.toPrecision(6));
    this.dom.hi.value = Number(look.hi.toPrecision(6));
    this.dom.hand.hidden = this.#limits !== 'hand';
    this.#steps();
    const key = JSON.stringify([look, editor.dark]);
    if (always || key !== this.#key || entry.painted !== entry.plane) this.apply();
  }

  #byHand() {
    const [lo, hi] = [Number(this.dom.lo.value), Number(this.dom.hi.value)];
    if (!(hi > lo)) return;
    this.#limits = this.dom.limits.value = 'hand';
    Object.assign(this.look, { lo, hi });
    this.limits(true);
  }

  #steps() {
    const { steps, by } = this.dom, { look } = this, every = steps.value === 'by';
    by.hidden = !every;
    if (every && !(Number(by.value) > 0)) by.value = Number(((look.hi - look.lo) / 10).toPrecision(1));
    look.steps = every ? 0 : Number(steps.value);
    look.by = every ? Number(by.value) : 0;
  }

  /** Colours the maps anew. */
  apply() {
    const { editor, look } = this;
    if (!editor.about) return;
    this.#key = JSON.stringify([look, editor.dark]);
    const entry = editor.values;
    entry.plane.paint({ ...look, dark: editor.dark });
    entry.painted = entry.plane;
    entry.pane.redraw();
    this.legend();
  }

  /** Light has become dark, or dark light. */
  turn() {
    const { editor } = this;
    if (!editor.about) return;
    for (const other of editor.maps.values()) if (other !== editor.values) { this.#paintDerived(other); other.pane.redraw(); }
    for (const { plane, pane, look } of editor.consequences.maps.values()) if (look) { plane.paint({ ...look, dark: editor.dark }); pane.redraw(); }
    this.apply();
  }

  /** Values of a map have come. */
  viewed(entry) {
    if (entry === this.editor.values) this.limits();
    else if (entry.look?.kind === 'values') this.#paintDerived(entry);
  }

  legend() {
    const { editor, look } = this, { legend } = editor.dom;
    const pane = editor.large;
    if (!pane?.plane.layers.length) return;
    const { map } = pane.about, swatch = (word, text) => {
      const mark = make('i');
      mark.style.background = css(word);
      return make('span', {}, mark, text);
    };
    const codes = (...list) => legend.replaceChildren(make('div', { class: 'codes' }, ...list));
    const colour = map === 'values' ? colours({ ...look, dark: editor.dark }) : colours({ ...(editor.maps.get(map)?.look ?? {}), dark: editor.dark });
    if (map === 'oceans') return codes(swatch(colour(-1), 'main ocean'), swatch(colour(2), 'internal sea'), swatch(colour(NaN), 'land'));
    if (map === 'passages') return codes(swatch(colour(2), 'narrow passage'), swatch(colour(1), 'sea'), swatch(colour(NaN), 'land'));
    if (map === 'poles') return codes(swatch(colour(1), 'to correct'), swatch(colour(0), 'sea'), swatch(colour(NaN), 'land'));
    if (map === 'values' && look.kind === 'basins') return codes(...[1, 2, 3, 0].map((v) => swatch(colour(v), BASINS[v])));
    if (map === 'values' && look.categorical) {
      const seen = [...new Set(editor.values.plane.layers[0].values)].filter((v) => v === v).sort((a, b) => a - b);
      if (seen.length > 40) return codes(make('span', {}, 'One colour per code; there are too many to list.'));
      return codes(...seen.map((v) => swatch(codeColor(v), numberText(v))));
    }
    const derived = editor.maps.get(map)?.look ?? editor.consequences.maps.get(map)?.look;
    if (derived?.kind === 'rivers') return codes(swatch(colours({ kind: 'rivers', dark: editor.dark })(NaN), 'sea'), make('span', {}, 'one colour for each river basin'));
    const bar = map === 'values' ? look : derived;
    if (!bar) return legend.replaceChildren();
    const { units, name, long_name: long } = editor.variable;
    const title = map === 'values' ? `${long || name}${editor.units ? ` (${units})` : ''}` : pane.about.title;
    return legend.replaceChildren(make('div', { class: 'title' }, title), ...colourBar(bar, legend.clientWidth - 26, map === 'values' && (look.by || look.steps) ? colour : null));
  }
}
