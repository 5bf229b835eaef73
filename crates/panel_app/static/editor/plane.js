/**
 * The values of one map and their colours: a word per cell, so that drawing is only looking up.
 *
 * A plane is one layer of all cells, or, of a huge file, an overview and the windows that were looked at, each at a
 * level (one cell for 2^level x 2^level of the file).
 */

import { codeColor, hexWord, scale } from '../map/colors.js';

const MARKS = ['#d8271c', '#e8590c', '#c2255c', '#a3340b'].map(hexWord);
const MARKS_DARK = ['#ff5c4d', '#ff8f3f', '#ff6b9c', '#e0763d'].map(hexWord);

/**
 * From values to words of an image, by what a map shows.
 *
 * @param {object} look `{ kind, dark, ... }`; `values` takes what `scale` takes, `by`, the width of
 *   bands, and `mask`, a value drawn as missing
 * @returns {(value: number) => number}
 */
export function colours(look) {
  const { dark } = look;
  const land = hexWord(dark ? '#3d423e' : '#dcd6c8'), sea = hexWord(dark ? '#1e4258' : '#bfdcea'), marks = dark ? MARKS_DARK : MARKS;
  switch (look.kind) {
    // The largest sea is -1, and every other one is to be seen.
    case 'oceans': return (v) => v !== v ? land : v < 0 ? sea : marks[Math.round(v) % marks.length];
    case 'marks': return (v) => v !== v ? land : v === look.marked ? marks[0] : sea;
    case 'rivers': return (v) => v !== v ? sea : codeColor(v);
    case 'basins': return (v) => v !== v || v === 0 ? land : codeColor(v, BASIN_ORDER[v]);
    default: {
      const smooth = scale(look), { mask, by } = look;
      const colour = by > 0 ? (v) => smooth(banded(v, by)) : smooth;
      return mask === null || mask === undefined ? colour : (v) => v === mask ? 0 : colour(v);
    }
  }
}

/** The middle of the band of a width that a value lies in; bands meet at zero, which is sea. */
const banded = (v, by) => (v <= 0 ? Math.ceil(v / by) - .5 : Math.floor(v / by) + .5) * by;

/** Atlantic, Pacific and Indian ocean, apart from each other and from the land for every kind of sight. */
const BASIN_ORDER = [null, 1, 0, 2];

/** Values of a window of a level. */
class Layer {
  constructor({ level, i, j, ni, nj, values }) {
    Object.assign(this, { level, i, j, ni, nj, values });
    this.words = new Uint32Array(values.length);
  }

  fill(colour) {
    const { values, words } = this;
    let last = NaN, word = colour(NaN);
    for (let k = 0; k < values.length; k++) {
      const v = values[k];
      if (v !== last) { word = colour(v); last = v; }
      words[k] = word;
    }
  }
}

export class Plane {
  #colour = () => 0;

  constructor(rows, columns) {
    this.rows = rows;
    this.columns = columns;
    /** From coarse to fine; later ones are drawn over earlier ones. */
    this.layers = [];
    /** Counts every change of values or colours. */
    this.edition = 0;
  }

  /** The layer of all cells, if there is one. */
  get whole() {
    const [first] = this.layers;
    return first && first.level === 0 && first.ni === this.columns && first.nj === this.rows ? first : null;
  }

  /** Takes a window of values in; one of all cells replaces what was there. */
  put(window) {
    const layer = new Layer(window);
    layer.fill(this.#colour);
    const all = (layer.ni << layer.level) >= this.columns && (layer.nj << layer.level) >= this.rows;
    if (all) this.layers = [layer];
    else {
      this.layers = this.layers.filter((l) => !(l.level === layer.level && l.i === layer.i && l.j === layer.j && l.ni === layer.ni && l.nj === layer.nj));
      this.layers.push(layer);
      this.layers.sort((a, b) => b.level - a.level);
    }
    this.edition++;
  }

  /** Replaces the values of cells (`j * columns + i`). */
  patch(cells, values) {
    const { columns } = this, colour = this.#colour, { whole } = this;
    for (let k = 0; k < cells.length; k++) {
      const cell = cells[k], word = colour(values[k]);
      if (whole) {
        whole.values[cell] = values[k];
        whole.words[cell] = word;
        continue;
      }
      const i = cell % columns, j = (cell - i) / columns;
      for (const layer of this.layers) {
        const x = (i >> layer.level) - layer.i, y = (j >> layer.level) - layer.j;
        if (x < 0 || y < 0 || x >= layer.ni || y >= layer.nj) continue;
        layer.values[y * layer.ni + x] = values[k];
        layer.words[y * layer.ni + x] = word;
      }
    }
    this.edition++;
  }

  /** Colours all cells anew. */
  paint(look) {
    this.#colour = colours(look);
    for (const layer of this.layers) layer.fill(this.#colour);
    this.edition++;
  }

  /** The finest value known of a cell. */
  at(i, j) {
    for (let k = this.layers.length - 1; k >= 0; k--) {
      const layer = this.layers[k], x = (i >> layer.level) - layer.i, y = (j >> layer.level) - layer.j;
      if (x >= 0 && y >= 0 && x < layer.ni && y < layer.nj) return layer.values[y * layer.ni + x];
    }
    return NaN;
  }

  /** The smallest and largest value, and those that 2 % lie below and above. */
  range() {
    const { values } = this.layers[0] ?? { values: [] };
    let lo = Infinity, hi = -Infinity;
    for (const v of values) {
      if (v < lo) lo = v;
      if (v > hi) hi = v;
    }
    if (!(hi >= lo)) return { full: [0, 1], robust: [0, 1] };
    const bins = new Uint32Array(1024), width = (hi - lo) / 1024 || 1;
    let n = 0;
    for (const v of values) if (v === v) { bins[Math.min(1023, (v - lo) / width | 0)]++; n++; }
    const quantile = (q) => { let seen = 0, k = 0; while (k < 1023 && (seen += bins[k]) < q * n) k++; return lo + k * width; };
    return { full: [lo, hi], robust: [quantile(.02), quantile(.98) + width] };
  }
}
