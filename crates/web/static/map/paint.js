/**
 * From a frame of values to pixels: colours, coast, edges of cells.
 */

const COAST = 0xff201a18;

/**
 * @param {import('./grid.js').Frame} frame
 * @param {(value: number) => number} colour
 * @param {{coast: boolean, edges: boolean, dark: boolean}} options
 * @returns {ImageData}
 */
export function paint(frame, colour, { coast, edges, dark }) {
  const { w, h, values, same } = frame;
  const image = new ImageData(w, h), words = new Uint32Array(image.data.buffer);
  for (let y = 0; y < h; y++) {
    const start = y * w;
    if (same[y]) {
      words.copyWithin(start, start - w, start);
      continue;
    }
    let last = NaN, word = 0;
    for (let p = start; p < start + w; p++) {
      const v = values[p];
      if (v !== last) {
        word = colour(v);
        last = v;
      }
      words[p] = word;
    }
  }
  if (coast) outline(frame, words);
  if (edges) cells(frame, words, dark);
  return image;
}

/** Dark pixels where what is above zero meets what is not. */
function outline({ w, h, values }, words) {
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const p = y * w + x, v = values[p];
      if (v !== v) continue;
      const r = x + 1 < w ? values[p + 1] : v, d = y + 1 < h ? values[p + w] : v;
      if ((r === r && (v > 0) !== (r > 0)) || (d === d && (v > 0) !== (d > 0))) words[p] = COAST;
    }
  }
}

/** Thin lines between the cells of a frame or lookup. */
export function cells(frame, words, dark) {
  const { w, h } = frame;
  const ink = dark ? 0xff8f8f8f : 0xff3a3a3a;
  // A third of the ink.
  const mix = (c) => c === 0 ? 0x30808080 : (0xff000000 | ((c >>> 2 & 0x3f3f3f) * 3 + (ink >>> 2 & 0x3f3f3f))) >>> 0;
  if (frame.cols) {
    for (let x = 0; x + 1 < w; x++) if (frame.cols[x] !== frame.cols[x + 1]) for (let p = x; p < words.length; p += w) words[p] = mix(words[p]);
    for (let y = 0; y + 1 < h; y++) if (frame.rows[y] !== frame.rows[y + 1]) for (let p = y * w; p < y * w + w; p++) words[p] = mix(words[p]);
    return;
  }
  const { indices } = frame;
  for (let y = 0; y + 1 < h; y++) {
    for (let x = 0; x + 1 < w; x++) {
      const p = y * w + x;
      if (indices[p] !== indices[p + 1] || indices[p] !== indices[p + w]) words[p] = mix(words[p]);
    }
  }
}
