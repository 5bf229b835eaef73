/**
 * What is known of a field: an overview, and tiles at the levels that were looked at.
 *
 * A level L has one cell for 2^L x 2^L cells of the file. Tiles are 512 x 512 cells of a level, fetched when a view
 * asks for them, at most four at a time and 64 kept.
 */

import { parse } from './wire.js';

const TILE = 512;
const KEPT = 64;
const AT_ONCE = 4;

/** The addresses that belong to a description (`.../field.json?revision=5`). */
export function addresses(src, base) {
  const json = new URL(src, base);
  const make = (end, more) => {
    const url = new URL(json);
    url.pathname = url.pathname.replace(/field\.json$/, end);
    for (const [key, value] of Object.entries(more)) if (value !== undefined && value !== '') url.searchParams.set(key, value);
    return url;
  };
  const compares = json.searchParams.has('minus');
  return { json, compares, field: (more) => make('field', more), mesh: (more) => make('field/mesh', more), value: (more) => make('field/value', more) };
}

/** Fetches; a refusal becomes an error with the server's words. */
export async function get(url, signal) {
  const response = await fetch(url, { signal, credentials: 'same-origin', headers: { Accept: 'application/octet-stream, application/json' } });
  if (response.redirected) throw new Error('Your session has ended. Log in again, then reload this page.');
  if (response.ok) return response;
  let words = '';
  try {
    const type = response.headers.get('Content-Type') ?? '';
    words = type.includes('json') ? (await response.json()).detail : type.startsWith('text/plain') ? await response.text() : '';
  } catch { /* the status has to do */ }
  throw new Error(words || `The server answered with ${response.status} ${response.statusText}.`);
}

/** Values of a window of a level. */
class Tile {
  constructor({ header, planes }) {
    const [plane] = planes;
    this.level = header.level;
    [this.i, this.j, this.ni, this.nj] = header.window;
    this.size = header.size;
    this.values = plane.values;
    this.error = plane.error;
    this.table = plane.table;
    this.header = header;
  }

  /** The value of cell (i, j) of this tile's level; NaN outside. */
  at(i, j) {
    const x = i - this.i, y = j - this.j;
    return x < 0 || y < 0 || x >= this.ni || y >= this.nj ? NaN : this.values[y * this.ni + x];
  }
}

/** One plane (variable and position) of a file. */
export class Source extends EventTarget {
  /**
   * @param {ReturnType<typeof addresses>} where
   * @param {object} variable its entry in the description
   * @param {number[]} at
   */
  constructor(where, variable, at) {
    super();
    this.where = where;
    this.variable = variable;
    this.at = at;
    this.overview = null;
    this.tiles = new Map();
    this.wanted = [];
    this.running = 0;
    this.stop = new AbortController();
  }

  /** What every request names. */
  get query() {
    return { variable: this.variable.name, at: this.at.join(',') };
  }

  /** Fetches the overview, or takes an answer that is on its way already. */
  async load(early) {
    const buffer = await (early ?? get(this.where.field({ ...this.query, level: this.variable.overview }), this.stop.signal).then((r) => r.arrayBuffer()));
    this.overview = new Tile(parse(buffer));
    return this.overview;
  }

  /** Ends what is under way. */
  close() {
    this.stop.abort();
    this.wanted = [];
  }

  /** The tiles of `level` that cover cells (i0..i1, j0..j1) of that level, those that are here; asks for the others. */
  cover(level, i0, j0, i1, j1) {
    const ready = [];
    this.wanted = [];
    if (level >= this.overview.level) return ready;
    const cells = 2 ** level;
    const ni = Math.ceil(this.variable.columns / cells), nj = Math.ceil(this.variable.rows / cells);
    for (let tj = Math.max(0, Math.floor(j0 / TILE)); tj * TILE < Math.min(nj, j1 + 1); tj++) {
      for (let ti = Math.max(0, Math.floor(i0 / TILE)); ti * TILE < Math.min(ni, i1 + 1); ti++) {
        const key = `${level}/${ti}/${tj}`;
        const tile = this.tiles.get(key);
        if (tile instanceof Tile) {
          this.tiles.delete(key);
          this.tiles.set(key, tile);
          ready.push(tile);
        } else if (!tile) {
          const window = [ti * TILE, tj * TILE, Math.min(TILE, ni - ti * TILE), Math.min(TILE, nj - tj * TILE)];
          this.wanted.push({ key, level, window });
        }
      }
    }
    this.#next();
    return ready;
  }

  #next() {
    while (this.running < AT_ONCE && this.wanted.length) {
      const { key, level, window } = this.wanted.shift();
      this.tiles.set(key, 'coming');
      this.running++;
      get(this.where.field({ ...this.query, level, window: window.join(',') }), this.stop.signal)
        .then((r) => r.arrayBuffer())
        .then((buffer) => {
          this.tiles.set(key, new Tile(parse(buffer)));
          for (const old of this.tiles.keys()) {
            if (this.tiles.size <= KEPT) break;
            if (this.tiles.get(old) instanceof Tile) this.tiles.delete(old);
          }
          this.dispatchEvent(new Event('tile'));
        })
        .catch((error) => {
          this.tiles.delete(key);
          if (error.name !== 'AbortError') this.dispatchEvent(new CustomEvent('error', { detail: error }));
        })
        .finally(() => { this.running--; this.#next(); });
    }
  }

  /** The best value known of cell (i, j) of the file, `exact` when it is the file's to the digits shown. */
  best(i, j) {
    let found = null;
    for (const tile of this.tiles.values()) {
      if (tile instanceof Tile && (!found || tile.level < found.level)) {
        const [x, y] = [i >> tile.level, j >> tile.level];
        if (x >= tile.i && y >= tile.j && x < tile.i + tile.ni && y < tile.j + tile.nj) found = tile;
      }
    }
    found ??= this.overview;
    if (!found) return null;
    const value = found.at(i >> found.level, j >> found.level);
    // Single precision has seven digits, which is all that is shown.
    return { value, exact: found.level === 0 && found.error <= Math.abs(value) * 1e-7 };
  }

  /** Cell (i, j) of the file as the server reads it. */
  async exact(i, j, signal) {
    return (await get(this.where.value({ ...this.query, cell: `${i},${j}` }), signal)).json();
  }
}
