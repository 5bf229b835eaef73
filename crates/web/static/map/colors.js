/**
 * Colour maps, and from values to colours.
 *
 * Maps are lists of control points, interpolated in OKLab (Ottosson 2020), so that equal steps look equal. viridis,
 * magma and cividis follow their published anchors (CC0: van der Walt and Smith 2015; Nuñez, Anderton and Renslow
 * 2018); the others are of this project. Sea and land colours of `relief` meet at its middle.
 */

const MAPS = {
  relief: { name: 'Relief', split: true, points: [
    [0, '#071d4a'], [.16, '#0f3d7d'], [.3, '#2569ab'], [.42, '#5b9fd0'], [.485, '#a3d2e8'], [.49999, '#cdeaf2'],
    [.5, '#3f7f4f'], [.54, '#7ba760'], [.6, '#c6c583'], [.68, '#d9b878'], [.78, '#b3834f'], [.88, '#855a41'], [.95, '#a99a92'], [1, '#f6f3ef']] },
  depth: { name: 'Depth', land: '#d9cfb8', points: [
    [0, '#d5eef0'], [.12, '#a3d4e1'], [.3, '#62a9cf'], [.52, '#3077b4'], [.75, '#174a8a'], [1, '#081f4d']] },
  viridis: { name: 'Viridis', points: ['#440154', '#482878', '#3e4a89', '#31688e', '#26828e', '#1f9e89', '#35b779', '#6ece58', '#b5de2b', '#fde725'] },
  magma: { name: 'Magma', points: ['#000004', '#140e36', '#3b0f70', '#641a80', '#8c2981', '#b73779', '#de4968', '#f7705c', '#fe9f6d', '#fecf92', '#fcfdbf'] },
  cividis: { name: 'Cividis', points: ['#00224e', '#123570', '#3b496c', '#575d6d', '#707173', '#8a8678', '#a59c74', '#c3b369', '#e1cc55', '#fee838'] },
  greens: { name: 'Vegetation', points: ['#f5f1e3', '#dfe3b4', '#b5cf83', '#7cb35c', '#3f9046', '#1b6a3a', '#0b4529'] },
  heat: { name: 'Heat', points: ['#fff7dc', '#fddd92', '#f9b04f', '#ea7631', '#c43c2c', '#87182f', '#4a0a2b'] },
  rain: { name: 'Rain', points: ['#f7f6e8', '#cfe6c9', '#86cdbd', '#3fa7b5', '#2378a6', '#234b8c', '#231f5c'] },
  diverging: { name: 'Difference', split: true, points: [
    [0, '#10306b'], [.12, '#1f5aa0'], [.27, '#5b96c7'], [.4, '#b1cfe3'], [.5, '#f4f4f2'], [.6, '#eec4ae'], [.73, '#d6806a'], [.88, '#ac3340'], [1, '#6a0f2c']] },
  grey: { name: 'Grey', points: ['#101010', '#f6f6f6'] },
};

/** The colours of codes: apart in hue and lightness, neighbours most. */
const CODES = ['#4477aa', '#ee8866', '#44aa77', '#aa4499', '#ddcc55', '#66ccee', '#994433', '#bbcc33', '#7766bb', '#ffaabb',
  '#117755', '#cc7722', '#99ddff', '#882255', '#77aadd', '#aaaa00', '#cc99bb', '#336688', '#dd5566', '#88bb88'];

export const STYLE_MAPS = { relief: 'relief', depth: 'depth', sequential: 'viridis', diverging: 'diverging', categorical: 'viridis' };

/** The names of the colour maps: `[[id, name], ...]`. */
export const colorMaps = () => Object.entries(MAPS).map(([id, map]) => [id, map.name]);

/** True when the map has a middle that belongs to zero. */
export const hasMiddle = (id) => Boolean(MAPS[id]?.split);

const SIZE = 512;
const tables = new Map();

/** 512 colours of a map as RGBA words of an image (little endian). */
export function table(id, reversed = false) {
  const key = `${id}${reversed}`;
  if (!tables.has(key)) tables.set(key, build(MAPS[id] ?? MAPS.viridis, reversed));
  return tables.get(key);
}

function build(map, reversed) {
  const points = map.points.map((p, k) => Array.isArray(p) ? [p[0], oklab(p[1])] : [k / (map.points.length - 1), oklab(p)]);
  const words = new Uint32Array(SIZE);
  for (let k = 0; k < SIZE; k++) {
    const at = (reversed ? SIZE - 1 - k : k) / (SIZE - 1);
    let n = points.findIndex((p) => p[0] >= at);
    if (n <= 0) n = 1;
    const [x0, a] = points[n - 1], [x1, b] = points[n];
    const f = Math.min(1, Math.max(0, (at - x0) / (x1 - x0)));
    words[k] = word(a.map((v, c) => v + (b[c] - v) * f));
  }
  return words;
}

/** A hexadecimal colour as a word of an image. */
export function hexWord(hex) {
  const n = parseInt(hex.slice(1), 16);
  return (0xff000000 | (n & 0xff) << 16 | (n & 0xff00) | n >> 16) >>> 0;
}

/** A word of an image for CSS. */
export const css = (w) => `rgb(${w & 255} ${w >> 8 & 255} ${w >> 16 & 255})`;

const linear = (c) => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
const gamma = (c) => c <= .0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - .055;

function oklab(hex) {
  const n = parseInt(hex.slice(1), 16);
  const [r, g, b] = [n >> 16, n >> 8 & 255, n & 255].map((c) => linear(c / 255));
  const l = Math.cbrt(.4122214708 * r + .5363325363 * g + .0514459929 * b);
  const m = Math.cbrt(.2119034982 * r + .6806995451 * g + .1073969566 * b);
  const s = Math.cbrt(.0883024619 * r + .2817188376 * g + .6299787005 * b);
  return [.2104542553 * l + .793617785 * m - .0040720468 * s, 1.9779984951 * l - 2.428592205 * m + .4505937099 * s,
    .0259040371 * l + .7827717662 * m - .808675766 * s];
}

function word([L, a, b]) {
  const l = (L + .3963377774 * a + .2158037573 * b) ** 3;
  const m = (L - .1055613458 * a - .0638541728 * b) ** 3;
  const s = (L - .0894841775 * a - 1.291485548 * b) ** 3;
  const rgb = [4.0767416621 * l - 3.3077115913 * m + .2309699292 * s, -1.2684380046 * l + 2.6097574011 * m - .3413193965 * s,
    -.0041960863 * l - .7034186147 * m + 1.707614701 * s];
  const [r, g, bl] = rgb.map((c) => Math.round(255 * gamma(Math.min(1, Math.max(0, c)))));
  return (0xff000000 | bl << 16 | g << 8 | r) >>> 0;
}

/** The colour of code `value`; `order` is its place among the codes, where these are few. */
export function codeColor(value, order) {
  const k = order ?? Math.abs(Math.round(value));
  return hexWord(CODES[k % CODES.length]);
}

/**
 * From values to colours.
 *
 * @param {{map: string, lo: number, hi: number, categorical: boolean, reversed?: boolean, steps?: number, codes?: number[]}} look
 *   `steps` > 0 makes bands; `codes` are the codes in order, when they are few
 * @returns {(value: number) => number} an RGBA word; 0 (transparent) for NaN
 */
export function scale({ map, lo, hi, categorical, reversed = false, steps = 0, codes = null }) {
  if (categorical) {
    const known = new Map((codes ?? []).map((code, k) => [code, codeColor(code, k)]));
    return (v) => {
      if (v !== v) return 0;
      let w = known.get(v);
      if (w === undefined) known.set(v, w = codeColor(v));
      return w;
    };
  }
  const words = table(map, reversed), last = SIZE - 1;
  const land = MAPS[map]?.land ? hexWord(MAPS[map].land) : 0;
  const position = positions({ map, lo, hi });
  return (v) => {
    if (v !== v) return 0;
    if (land && v <= 0 && lo >= 0) return land;
    let f = position(v);
    if (steps > 1) f = (Math.min(steps - 1, Math.floor(f * steps)) + .5) / steps;
    return words[f <= 0 ? 0 : f >= 1 ? last : f * last + .5 | 0];
  };
}

/** Where a value lies on the colour bar, 0 to 1: maps with a middle have zero there, if zero is within the limits. */
export function positions({ map, lo, hi }) {
  const width = hi > lo ? hi - lo : 1;
  if (!hasMiddle(map)) return (v) => (v - lo) / width;
  // Zero itself is sea, as for the coast; just below the middle, so that sea never takes the colour of land.
  if (lo >= 0) { const top = hi > 0 ? hi : 1; return (v) => v <= 0 ? .499 : .5 + .5 * v / top; }
  if (hi <= 0) { const low = lo < 0 ? lo : -1; return (v) => v > 0 ? .5 : Math.max(0, .499 * (1 - v / low)); }
  return (v) => v <= 0 ? Math.max(0, .499 * (1 - v / lo)) : .5 + .5 * v / hi;
}

/** Inverse of `positions`, for the ticks. */
export function valueAt({ map, lo, hi }, f) {
  if (!hasMiddle(map)) return lo + (hi - lo) * f;
  if (lo >= 0) return (f - .5) * 2 * hi;
  if (hi <= 0) return lo * (1 - f / .499);
  return f < .5 ? lo * Math.max(0, 1 - f / .499) : (f - .5) * 2 * hi;
}
