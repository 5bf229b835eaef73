/** The colour bar of a map of values. */

import { hasMiddle, positions, scale, table, valueAt } from './colors.js';
import { numberText, ticks } from './view.js';

/** Two texts closer than this many pixels cannot both be read. */
const ROOM = 52;

/**
 * @param {object} look what `scale` takes
 * @param {number} wide pixels of the bar
 * @param {?(value: number) => number} banded colours with bands, where there are other ones than `scale` makes
 * @returns {HTMLElement[]} elements of the classes `bar` (with a canvas) and `ticks`
 */
export function colourBar(look, wide, banded = look.steps > 1 ? scale(look) : null) {
  const canvas = document.createElement('canvas');
  canvas.width = 512;
  canvas.height = 1;
  const context = canvas.getContext('2d'), image = context.createImageData(512, 1);
  const words = new Uint32Array(image.data.buffer);
  const position = positions(look);
  // Relief without sea, say, uses half of the map: the bar shows that half.
  const [from, to] = look.hi > look.lo ? [Math.max(0, position(look.lo)), Math.min(1, position(look.hi))] : [0, 1];
  const place = (v) => (position(v) - from) / (to - from || 1);
  for (let k = 0; k < 512; k++) {
    const f = from + (to - from) * (k + .5) / 512;
    words[k] = banded ? banded(valueAt(look, f)) : table(look.map, look.reversed)[Math.round(f * 511)];
  }
  context.putImageData(image, 0, 0);
  const bar = document.createElement('div');
  bar.className = 'bar';
  bar.append(canvas);
  const marks = document.createElement('div');
  marks.className = 'ticks';
  const at = [];
  const width = Math.max(120, wide);
  const wanted = look.lo < 0 && look.hi > 0 && hasMiddle(look.map)
    ? [...ticks(look.lo, 0, Math.max(2, width / 130)), ...ticks(0, look.hi, Math.max(2, width / 130))] : ticks(look.lo, look.hi, Math.max(2, width / 75));
  // Zero first, then from the ends inwards, as far as there is room.
  const ranked = [...new Set(wanted)].sort((a, b) => (b === 0) - (a === 0) || Math.abs(place(b) - .5) - Math.abs(place(a) - .5));
  for (const value of ranked) {
    const f = place(value);
    if (f < -.001 || f > 1.001 || at.some((other) => Math.abs(other - f) * width < ROOM)) continue;
    at.push(f);
    const mark = document.createElement('span');
    mark.textContent = numberText(value);
    mark.style.left = `${f * 100}%`;
    marks.append(mark);
  }
  return [bar, marks];
}
