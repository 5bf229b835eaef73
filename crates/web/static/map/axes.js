/** Coordinates along the edges of a map. */

import { latText, lonText, multiples, niceStep, numberText } from './view.js';

const LINES = 'rgb(128 128 128 / 38%)';

/**
 * Draws ticks, their texts, the frame, and lines across the map.
 *
 * @param {CanvasRenderingContext2D} context in CSS pixels
 * @param {object} what `view` and `extent` say what is visible, `place` where on the canvas of `width` pixels;
 *   `geographic` is false for cell numbers; `ink` and `font` are CSS
 */
export function axes(context, { view, place, extent, geographic, lines, width, ink, font }) {
  const narrow = width < 620;
  const step = (pixels) => niceStep(pixels / view.scale, geographic);
  const xs = step(narrow ? 62 : 78), ys = step(narrow ? 34 : 42);
  context.font = `${narrow ? 11 : 12}px ${font}`;
  context.fillStyle = ink;
  context.textBaseline = 'middle';
  context.lineWidth = 1;
  const digits = (s) => s < .1 ? 2 : s < 1 ? 1 : 0;
  const stroke = (x0, y0, x1, y1, style) => {
    context.strokeStyle = style;
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.stroke();
  };
  const crisp = (v) => Math.round(v) + .5;
  const bottom = place.y + place.h;
  context.textAlign = 'center';
  for (const x of multiples(extent.x0, extent.x1, xs)) {
    const sx = Math.min(place.x + place.w, view.toScreen(x, 0)[0]);
    if (lines) stroke(crisp(sx), place.y, crisp(sx), bottom, LINES);
    stroke(crisp(sx), bottom, crisp(sx), bottom + 4, ink);
    const text = geographic ? lonText(x, digits(xs)) : numberText(x);
    const half = context.measureText(text).width / 2;
    context.fillText(text, Math.min(Math.max(sx, half), width - half - 1), bottom + 13);
  }
  context.textAlign = 'right';
  for (const y of multiples(extent.y0, extent.y1, ys)) {
    const sy = view.toScreen(0, y)[1];
    if (lines) stroke(place.x, crisp(sy), place.x + place.w, crisp(sy), LINES);
    stroke(place.x - 4, crisp(sy), place.x, crisp(sy), ink);
    context.fillText(geographic ? latText(y, digits(ys)) : numberText(y), place.x - 7, Math.min(Math.max(sy, 7), bottom - 3));
  }
  context.strokeStyle = ink;
  context.strokeRect(place.x + .5, place.y + .5, place.w - 1, place.h - 1);
}
