/** From looked-up cells to pixels: colours of cells, and what is selected or previewed. */

/** What `tint` says of a cell. */
export const SELECTED = 1, PREVIEWED = 2, STROKED = 4;

/**
 * Colours the pixels of a lookup with the words of a plane's cells.
 *
 * @param {object} looked what a grid's `lookup` gives
 * @param {import('./plane.js').Plane} plane
 * @param {Uint32Array} out as many as pixels
 */
export function gather(looked, plane, out) {
  const { whole } = plane;
  if (looked.indices) return mesh(looked, plane, out);
  if (whole) return regular(looked, whole, out);
  out.fill(0);
  const column = new Int32Array(looked.w);
  for (const layer of plane.layers) {
    const { level, ni, nj, words } = layer;
    for (let x = 0; x < looked.w; x++) {
      const i = looked.cols[x] < 0 ? -1 : (looked.cols[x] >> level) - layer.i;
      column[x] = i < ni ? i : -1;
    }
    for (let y = 0; y < looked.h; y++) {
      const j = looked.rows[y] < 0 ? -1 : (looked.rows[y] >> level) - layer.j;
      if (j < 0 || j >= nj) continue;
      for (let x = 0, p = y * looked.w; x < looked.w; x++, p++) if (column[x] >= 0) out[p] = words[j * ni + column[x]];
    }
  }
}

function regular({ w, h, cols, rows, same }, { words, ni }, out) {
  for (let y = 0; y < h; y++) {
    const start = y * w;
    if (same[y]) { out.copyWithin(start, start - w, start); continue; }
    if (rows[y] < 0) { out.fill(0, start, start + w); continue; }
    const from = rows[y] * ni;
    for (let x = 0; x < w; x++) out[start + x] = cols[x] < 0 ? 0 : words[from + cols[x]];
  }
}

function mesh({ indices, cell, level }, plane, out) {
  const { whole } = plane;
  if (whole && level === 0) {
    for (let p = 0; p < indices.length; p++) {
      const c = indices[p];
      out[p] = c < 0 ? 0 : whole.words[c];
    }
    return;
  }
  // A mesh coarser than the values, or values in windows.
  const { columns } = plane;
  for (let p = 0; p < indices.length; p++) {
    const c = cell(p);
    out[p] = 0;
    if (c < 0) continue;
    for (const layer of plane.layers) {
      const x = ((c % columns) >> layer.level) - layer.i, y = ((c / columns | 0) >> layer.level) - layer.j;
      if (x >= 0 && y >= 0 && x < layer.ni && y < layer.nj) out[p] = layer.words[y * layer.ni + x];
    }
  }
}

/**
 * Shades the pixels of tinted cells, and draws a line around them.
 *
 * @param {Uint8Array} tint what is said of each cell
 * @param {Record<number, {ink: number, share: number}>} inks by what a tint says: the colour, and its share of 256
 */
export function shade(looked, tint, out, inks) {
  const { w, h, same, cols, rows, ni, indices, cell } = looked;
  const direct = indices && looked.level === 0;
  let above = new Uint8Array(w), here = new Uint8Array(w);
  for (let y = 0; y < h; y++) {
    const start = y * w;
    if (!same[y]) {
      if (indices) for (let x = 0; x < w; x++) {
        const c = direct ? indices[start + x] : cell(start + x);
        here[x] = c < 0 ? 0 : tint[c];
      } else if (rows[y] < 0) here.fill(0);
      else for (let x = 0, from = rows[y] * ni; x < w; x++) here[x] = cols[x] < 0 ? 0 : tint[from + cols[x]];
    }
    for (let x = 0; x < w; x++) {
      const t = here[x], left = x ? here[x - 1] : t, up = y ? (same[y] ? t : above[x]) : t;
      if (t) {
        const { ink, share } = inks[t & STROKED ? STROKED : t & PREVIEWED ? PREVIEWED : SELECTED];
        out[start + x] = t === left && t === up ? mix(out[start + x], ink, share) : ink;
      } else if (left || up) out[start + x] = inks[(left | up) & STROKED ? STROKED : (left | up) & PREVIEWED ? PREVIEWED : SELECTED].ink;
    }
    if (y + 1 < h && !same[y + 1]) [above, here] = [here, above];
  }
}

function mix(under, ink, share) {
  if (under >>> 24 === 0) under = ink & 0xffffff | 0xff000000;
  const keep = 256 - share;
  const rb = ((under & 0xff00ff) * keep + (ink & 0xff00ff) * share >>> 8) & 0xff00ff;
  const g = ((under & 0x00ff00) * keep + (ink & 0x00ff00) * share >>> 8) & 0x00ff00;
  return (0xff000000 | rb | g) >>> 0;
}
