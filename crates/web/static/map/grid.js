/**
 * Where cells lie, and which value each pixel shows.
 *
 * Every grid fills a frame: a value per pixel, and the cell (i, j of the file) behind any pixel. That is all that
 * the rest needs: colours, coast, cell edges, readout and selections work on pixels whatever the grid.
 */

import { mod } from './view.js';

/** The cell beside (i, j) by columns and rows of the file, up being north where rows run south; the last one ends the walk. */
export function beside(grid, { columns, rows }, { i, j }, dx, dy) {
  const north = grid.center(0, Math.min(1, rows - 1))[1] >= grid.center(0, 0)[1] ? -1 : 1;
  const within = (k, n) => Math.min(n - 1, Math.max(0, k));
  return { i: grid.wraps ? mod(i + dx, columns) : within(i + dx, columns), j: within(j + dy * north, rows) };
}

/** @typedef {{w: number, h: number, values: Float32Array, same: Uint8Array, cell: (p: number) => number, ni: number}} Frame
 *  `same[y]`: row y shows the same cells as the row above; `cell(p)` = j * ni + i in the file, or -1.
 *  Without `values` it is a lookup: which cell each pixel shows, by `cols` and `rows` on regular grids, by `indices` on meshes. */

/** Edges of the cells of an axis. */
class Axis {
  constructor(described, clamp) {
    if (described.values) {
      const v = described.values, n = v.length;
      this.count = n;
      this.centers = v;
      const edges = new Float64Array(n + 1);
      for (let k = 1; k < n; k++) edges[k] = (v[k - 1] + v[k]) / 2;
      edges[0] = n > 1 ? v[0] - (edges[1] - v[0]) : v[0] - .5;
      edges[n] = n > 1 ? v[n - 1] + (v[n - 1] - edges[n - 1]) : v[0] + .5;
      this.edges = edges;
      this.lo = Math.min(edges[0], edges[n]);
      this.hi = Math.max(edges[0], edges[n]);
    } else {
      ({ first: this.first, step: this.step, count: this.count } = described);
      const a = this.first - this.step / 2, b = a + this.step * this.count;
      this.lo = Math.min(a, b);
      this.hi = Math.max(a, b);
    }
    if (clamp) {
      this.lo = Math.max(this.lo, -clamp);
      this.hi = Math.min(this.hi, clamp);
    }
  }

  /** The cell at a coordinate; -1 outside. */
  at(x) {
    if (!(x >= this.lo && x <= this.hi)) return -1;
    if (!this.edges) return Math.min(this.count - 1, Math.max(0, Math.floor((x - this.first) / this.step + .5)));
    const e = this.edges, rising = e[e.length - 1] > e[0];
    let a = 0, b = this.count - 1;
    while (a < b) {
      const m = (a + b) >> 1;
      if (rising ? x < e[m + 1] : x > e[m + 1]) b = m; else a = m + 1;
    }
    return a;
  }

  center(k) { return this.edges ? this.centers[k] : this.first + this.step * k; }

  span(k) {
    const [a, b] = this.edges ? [this.edges[k], this.edges[k + 1]] : [this.first + this.step * (k - .5), this.first + this.step * (k + .5)];
    return [Math.max(this.lo, Math.min(a, b)), Math.min(this.hi, Math.max(a, b))];
  }

  /** A typical distance of neighbours. */
  get typical() { return (this.hi - this.lo) / this.count; }
}

/** Rows and columns: of longitudes and latitudes, or of cell numbers. */
export class RegularGrid {
  constructor(geometry, variable) {
    this.geographic = geometry.kind === 'regular';
    const count = (n) => ({ first: 0, step: 1, count: n });
    this.x = new Axis(this.geographic ? geometry.lon : count(variable.columns));
    this.y = new Axis(this.geographic ? geometry.lat : count(variable.rows), this.geographic ? 90 : 0);
    const turn = this.x.hi - this.x.lo;
    this.wraps = this.geographic && Math.abs(turn - 360) < this.x.typical * .75;
    if (this.geographic && turn > 360) this.wraps = true;
    this.bounds = { x0: this.x.lo, x1: this.wraps ? this.x.lo + 360 : this.x.hi, y0: this.y.lo, y1: this.y.hi, wraps: this.wraps };
    this.cellSize = Math.min(this.x.typical, this.y.typical);
    this.ni = variable.columns;
  }

  columnAt(x) { return this.x.at(this.wraps ? this.x.lo + mod(x - this.x.lo, 360) : x); }
  rowAt(y) { return this.y.at(y); }
  center(i, j) { return [this.x.center(i), this.y.center(j)]; }

  /** The outline of a cell near world x, for the cursor. */
  outline(i, j, near) {
    const [x0, x1] = this.x.span(i), [y0, y1] = this.y.span(j);
    const shift = this.wraps ? Math.round((near - (x0 + x1) / 2) / 360) * 360 : 0;
    return [[x0 + shift, y0], [x1 + shift, y0], [x1 + shift, y1], [x0 + shift, y1]];
  }

  /** Which cells w x h pixels show for the part `extent` of the world. */
  lookup(extent, w, h) {
    const cols = new Int32Array(w), rows = new Int32Array(h), same = new Uint8Array(h);
    for (let x = 0; x < w; x++) cols[x] = this.columnAt(extent.x0 + (x + .5) * (extent.x1 - extent.x0) / w);
    for (let y = 0; y < h; y++) rows[y] = this.rowAt(extent.y1 - (y + .5) * (extent.y1 - extent.y0) / h);
    for (let y = 1; y < h; y++) same[y] = rows[y] === rows[y - 1] ? 1 : 0;
    const { ni } = this;
    const cell = (p) => { const i = cols[p % w], j = rows[p / w | 0]; return i < 0 || j < 0 ? -1 : j * ni + i; };
    return { w, h, same, cell, cols, rows, ni };
  }

  /** Fills a frame of w x h pixels for the part `extent` of the world. */
  frame(source, extent, w, h) {
    const looked = this.lookup(extent, w, h), { cols, rows } = looked;
    const pixels = w * this.cellSize / (extent.x1 - extent.x0);
    const level = Math.max(0, Math.round(Math.log2(1 / pixels)));
    const range = (list) => list.reduce(([a, b], v) => v < 0 ? [a, b] : [Math.min(a, v), Math.max(b, v)], [Infinity, -1]);
    const [i0, i1] = range(cols), [j0, j1] = range(rows);
    const layers = [source.overview];
    if (i1 >= 0 && j1 >= 0) layers.push(...source.cover(level, i0 >> level, j0 >> level, i1 >> level, j1 >> level));
    const values = new Float32Array(w * h).fill(NaN);
    const column = new Int32Array(w);
    for (const tile of layers) {
      const { level: l, values: from, ni } = tile;
      let x0 = w, x1 = -1;
      for (let x = 0; x < w; x++) {
        const c = cols[x] < 0 ? -1 : (cols[x] >> l) - tile.i;
        column[x] = c < ni ? c : -1;
        if (column[x] >= 0) { x0 = Math.min(x0, x); x1 = x; }
      }
      let before = -1;
      for (let y = 0; y < h; y++) {
        const row = rows[y] < 0 ? -1 : (rows[y] >> l) - tile.j;
        if (row < 0 || row >= tile.nj) { before = -1; continue; }
        const to = y * w;
        if (row === before && layers.length === 1) {
          values.copyWithin(to, to - w, to);
          continue;
        }
        const start = row * ni;
        for (let x = x0; x <= x1; x++) if (column[x] >= 0) values[to + x] = from[start + column[x]];
        before = row;
      }
    }
    return { ...looked, values };
  }
}

/** A curvilinear grid in true longitude and latitude: cells are quadrilaterals between corners. */
export class MeshGrid {
  /** @param {{header: object, planes: object[]}} mesh the answer to `field/mesh` */
  constructor(mesh, variable) {
    this.geographic = true;
    this.level = mesh.header.level;
    [this.nx, this.ny] = mesh.header.size;
    this.lon = mesh.planes[0].values;
    this.lat = mesh.planes[1].values;
    this.ni = variable.columns;
    this.rows = variable.rows;
    this.bounds = this.#bounds();
    this.wraps = this.bounds.wraps;
    this.cellSize = Math.sqrt((this.bounds.x1 - this.bounds.x0) * (this.bounds.y1 - this.bounds.y0) / (variable.columns * variable.rows));
    this.indices = null;
  }

  #bounds() {
    const seen = new Uint8Array(360);
    let y0 = 90, y1 = -90;
    for (let k = 0; k < this.lon.length; k++) {
      if (Number.isNaN(this.lon[k])) continue;
      seen[Math.floor(mod(this.lon[k], 360)) % 360] = 1;
      y0 = Math.min(y0, this.lat[k]);
      y1 = Math.max(y1, this.lat[k]);
    }
    // The widest gap tells where a regional grid begins.
    let best = 0, start = 0;
    for (let k = 0, gap = 0; k < 720; k++) {
      gap = seen[k % 360] ? 0 : gap + 1;
      if (gap > best && gap <= 360) { best = gap; start = k + 1; }
    }
    for (let j = 0; j < this.ny; j++) for (let i = 0; i < this.nx; i++) if (this.#corners(i, j)?.length > 8) y1 = 90;
    if (best < 30) return { x0: -180, x1: 180, y0: Math.max(-90, y0), y1: Math.min(90, y1), wraps: true };
    const x0 = start % 360 > 180 ? start % 360 - 360 : start % 360;
    return { x0, x1: x0 + 360 - best, y0, y1, wraps: false };
  }

  /** x, y of the corners of a cell, unwrapped; more than four points for the cell with the pole in it. */
  #corners(i, j) {
    const n = this.nx + 1, a = j * n + i, order = [a, a + 1, a + n + 1, a + n];
    const points = [];
    let x = this.lon[a];
    const first = x;
    for (const k of order) {
      const lon = this.lon[k];
      if (Number.isNaN(lon)) return null;
      x += mod(lon - x + 180, 360) - 180;
      points.push(x, this.lat[k]);
    }
    const closed = x + mod(first - x + 180, 360) - 180;
    if (Math.abs(closed - first) > 180) {
      const pole = this.lat[a] > 0 ? 90 : -90;
      points.push(closed, this.lat[a], closed, pole, first, pole);
    }
    return points;
  }

  center(i, j) {
    const p = this.#corners(Math.min(this.nx - 1, i >> this.level), Math.min(this.ny - 1, j >> this.level));
    return p ? [(p[0] + p[2] + p[4] + p[6]) / 4, (p[1] + p[3] + p[5] + p[7]) / 4] : [NaN, NaN];
  }

  outline(i, j, near) {
    const p = this.#corners(i >> this.level, j >> this.level);
    if (!p) return null;
    const shift = Math.round((near - (p[0] + p[4]) / 2) / 360) * 360;
    return Array.from({ length: p.length / 2 }, (_, k) => [p[2 * k] + shift, p[2 * k + 1]]);
  }

  /** Which cells w x h pixels show; `indices` are cells of the mesh's level. */
  lookup(extent, w, h) {
    const indices = new Int32Array(w * h).fill(-1);
    const kx = w / (extent.x1 - extent.x0), ky = h / (extent.y1 - extent.y0);
    const left = new Float64Array(h), right = new Float64Array(h);
    for (const polar of [true, false]) {
      for (let j = 0; j < this.ny; j++) {
        for (let i = 0; i < this.nx; i++) {
          const p = this.#corners(i, j);
          if (!p || (p.length > 8) !== polar) continue;
          let x0 = p[0], x1 = p[0], y0 = p[1], y1 = p[1];
          for (let k = 2; k < p.length; k += 2) {
            if (p[k] < x0) x0 = p[k]; else if (p[k] > x1) x1 = p[k];
            if (p[k + 1] < y0) y0 = p[k + 1]; else if (p[k + 1] > y1) y1 = p[k + 1];
          }
          if (y1 < extent.y0 || y0 > extent.y1) continue;
          for (let t = Math.ceil((extent.x0 - x1) / 360); t * 360 + x0 <= extent.x1; t++) {
            fill(p, t * 360 - extent.x0, extent.y1, kx, ky, w, h, indices, j * this.nx + i, left, right);
          }
        }
      }
    }
    const { level, nx, ni, rows } = this;
    const middle = level ? 1 << (level - 1) : 0;
    const cell = (p) => {
      const c = indices[p];
      if (c < 0) return -1;
      const i = Math.min(ni - 1, (c % nx << level) + middle), j = Math.min(rows - 1, ((c / nx | 0) << level) + middle);
      return j * ni + i;
    };
    return { w, h, same: new Uint8Array(h), cell, indices, ni, level };
  }

  /** Fills a frame of w x h pixels for the part `extent` of the world. */
  frame(source, extent, w, h) {
    const looked = this.lookup(extent, w, h), { indices } = looked;
    const from = source.overview.values;
    const values = new Float32Array(w * h);
    for (let p = 0; p < values.length; p++) values[p] = indices[p] < 0 ? NaN : from[indices[p]];
    return { ...looked, values };
  }
}

/** Fills the pixels whose centre is inside of a convex polygon. */
function fill(p, dx, top, kx, ky, w, h, indices, index, left, right) {
  let y0 = Infinity, y1 = -Infinity;
  const n = p.length / 2;
  for (let k = 0; k < n; k++) {
    const y = (top - p[2 * k + 1]) * ky;
    if (y < y0) y0 = y;
    if (y > y1) y1 = y;
  }
  const a = Math.max(0, Math.ceil(y0 - .5)), b = Math.min(h - 1, Math.ceil(y1 - .5) - 1);
  if (a > b) return;
  for (let y = a; y <= b; y++) { left[y] = Infinity; right[y] = -Infinity; }
  for (let k = 0; k < n; k++) {
    const m = (k + 1) % n;
    let xa = (p[2 * k] + dx) * kx, ya = (top - p[2 * k + 1]) * ky, xb = (p[2 * m] + dx) * kx, yb = (top - p[2 * m + 1]) * ky;
    // In one direction always, so that neighbours agree to the last bit about their common edge.
    if (ya > yb) [xa, ya, xb, yb] = [xb, yb, xa, ya];
    const from = Math.max(a, Math.ceil(ya - .5)), to = Math.min(b, Math.ceil(yb - .5) - 1);
    const slope = (xb - xa) / (yb - ya);
    for (let y = from; y <= to; y++) {
      const x = xa + (y + .5 - ya) * slope;
      if (x < left[y]) left[y] = x;
      if (x > right[y]) right[y] = x;
    }
  }
  for (let y = a; y <= b; y++) {
    const x0 = Math.max(0, Math.ceil(left[y] - .5)), x1 = Math.min(w - 1, Math.ceil(right[y] - .5) - 1);
    if (x0 <= x1) indices.fill(index, y * w + x0, y * w + x1 + 1);
  }
}
