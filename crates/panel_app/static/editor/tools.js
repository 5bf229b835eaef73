/**
 * What a drag on a map does. Every tool has keys as well: Shift with arrows walks the cell cursor, Enter sets points.
 *
 * A tool has `down` (true: it takes the drag), `move`, `up`, `cancel`, `press` (Enter at the cell cursor), `draw`; and
 * `drop` where giving up a drag leaves something of before.
 */

import { STROKED } from './paint.js';

/** What modifier keys ask for, else what the buttons say. */
export function modeOf(event, mode) {
  if (event?.shiftKey && event.altKey) return 'intersect';
  if (event?.shiftKey && event.type !== 'keydown') return 'add';
  if (event?.altKey) return 'subtract';
  return mode;
}

function strokes(context, path, widths, dash = []) {
  for (const [width, colour] of widths) {
    path();
    context.setLineDash(dash);
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
  context.setLineDash([]);
}

const INK = [[3.5, 'rgb(255 255 255 / 85%)'], [1.5, '#111']];

/** World coordinates of points on the canvas, each drawn at the turn nearest to the view. */
function onScreen(pane, points) {
  const { view } = pane;
  const shift = view.bounds.wraps && points.length ? Math.round((view.cx - points[0][0]) / 360) * 360 : 0;
  return points.map(([x, y]) => view.toScreen(x + shift, y));
}

/** A point on the way from the one before: at the turn nearest to that, as the view may have gone round in between. */
function following(pane, at, before) { return [before ? pane.view.near(at.x, before[0]) : at.x, at.y]; }

export class MoveTool {
  name = 'move';
  grabs = false;
}

export class BoxTool {
  name = 'box';
  grabs = true;
  #from = null;
  #to = null;

  constructor(editor) { this.editor = editor; }

  down(pane, at) {
    this.#from = this.#to = at;
    return true;
  }

  move(pane, at) {
    this.#to = at;
    this.editor.overlays();
  }

  up(pane, at, event) {
    this.#to = at;
    this.#finish(pane, event);
  }

  cancel() {
    this.#from = this.#to = null;
    this.editor.overlays();
  }

  /** Two cells chosen with the keyboard are two corners. */
  press(pane, at, event) {
    if (!this.#from) { this.down(pane, at); this.editor.say('First corner set. Walk to the other corner with Shift and arrows, then press Enter.'); return; }
    const [a, b] = [this.#from.cell, this.#walked(pane, at).cell];
    this.cancel();
    if (a && b) this.editor.select(this.editor.shapes.cellBox(a, b), modeOf(event, this.editor.mode));
  }

  hover(pane, at, event) {
    if (this.#from && !event) { this.#to = this.#walked(pane, at); this.editor.overlays(); }
  }

  /** A corner as it is reached from where it was: over the seam the columns count on. */
  #walked(pane, at) {
    const { columns, periodic } = this.editor.about, { x, cell } = this.#to;
    const turns = periodic && cell && at.cell ? Math.round((cell.i - at.cell.i) / columns) : 0;
    return { ...at, x: pane.view.near(at.x, x), cell: at.cell && { ...at.cell, i: at.cell.i + turns * columns } };
  }

  #finish(pane, event) {
    const [a, b] = [this.#from, this.#to];
    this.cancel();
    if (!a || !b) return;
    // A click is a box of one cell.
    if (Math.hypot(a.sx - b.sx, a.sy - b.sy) < 4) {
      if (a.cell) this.editor.select(this.editor.shapes.cells([[a.cell.i, a.cell.j]]), modeOf(event, this.editor.mode));
      return;
    }
    this.editor.select(this.editor.shapes.box(Math.min(a.x, b.x), Math.max(a.x, b.x), Math.min(a.y, b.y), Math.max(a.y, b.y)), modeOf(event, this.editor.mode));
  }

  draw(context, pane) {
    if (!this.#from) return;
    const [[x0, y0], [x1, y1]] = onScreen(pane, [[this.#from.x, this.#from.y], [this.#to.x, this.#to.y]]);
    strokes(context, () => { context.beginPath(); context.rect(Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0)); }, INK);
  }
}

export class LassoTool {
  name = 'lasso';
  grabs = true;
  #points = [];
  #byKeys = false;

  constructor(editor) { this.editor = editor; }

  down(pane, at) {
    this.#points = [[at.x, at.y]];
    this.#byKeys = false;
    this.last = at;
    return true;
  }

  move(pane, at) {
    // Closer points than this only make the recipe long.
    if (Math.hypot(at.sx - this.last.sx, at.sy - this.last.sy) < 3) return;
    this.last = at;
    this.#points.push(following(pane, at, this.#points.at(-1)));
    this.editor.overlays();
  }

  up(pane, at, event) { this.#finish(event); }

  cancel() {
    this.#points = [];
    this.editor.overlays();
  }

  press(pane, at, event) {
    const [first] = this.#points, [x, y] = following(pane, at, first);
    const closes = this.#points.length > 2 && Math.hypot(x - first[0], y - first[1]) < pane.grid.cellSize / 2;
    if (closes) return this.#finish(event);
    if (!this.#byKeys) this.#points = [];
    this.#byKeys = true;
    this.#points.push(following(pane, at, this.#points.at(-1)));
    this.editor.say(this.#points.length < 3 ? `Point ${this.#points.length} set.` : `Point ${this.#points.length} set. Enter on the first point closes the lasso.`);
    this.editor.overlays();
  }

  #finish(event) {
    const points = this.#points;
    this.cancel();
    if (points.length > 2) this.editor.select(this.editor.shapes.lasso(simplified(points)), modeOf(event, this.editor.mode));
  }

  draw(context, pane) {
    if (!this.#points.length) return;
    const points = onScreen(pane, this.#points);
    const path = () => {
      context.beginPath();
      points.forEach(([x, y], k) => k ? context.lineTo(x, y) : context.moveTo(x, y));
    };
    strokes(context, path, INK);
    const [first, last] = [points[0], points.at(-1)];
    strokes(context, () => { context.beginPath(); context.moveTo(...last); context.lineTo(...first); }, INK, [4, 4]);
  }
}

/** Without points that lie on the line between their neighbours. */
function simplified(points) {
  return points.filter(([x, y], k) => {
    const a = points[k - 1], b = points[k + 1];
    if (!a || !b) return true;
    const area = Math.abs((b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1]));
    return area > 1e-6 * Math.hypot(b[0] - a[0], b[1] - a[1]);
  });
}

/** Single cells: a stroke over cells that are not selected adds them, one that begins on a selected cell takes away. */
export class CellTool {
  name = 'cells';
  grabs = true;
  #cells = new Map();
  #mode = 'add';

  constructor(editor) { this.editor = editor; }

  down(pane, at, event) {
    if (!at.cell) return false;
    this.#begin(at.cell, event);
    this.last = at;
    return true;
  }

  #begin({ i, j }, event) {
    this.#cells.clear();
    const asked = modeOf(event, this.editor.mode);
    this.#mode = asked === 'replace' ? (this.editor.isSelected(i, j) ? 'subtract' : 'add') : asked;
    this.#applyState(i, j);
  }

  #applyState(i, j) {
    const cell = j * this.editor.columns + i;
    if (this.#cells.has(cell)) return;
    this.#cells.set(cell, [i, j]);
    this.editor.stroke(cell, STROKED);
  }

  move(pane, at) {
    // Also the cells that a quick stroke has passed over.
    const n = Math.max(1, Math.ceil(Math.hypot(at.sx - this.last.sx, at.sy - this.last.sy) / 2));
    for (let k = 1; k <= n; k++) {
      const { cell } = pane.pointAt(this.last.sx + (at.sx - this.last.sx) * k / n, this.last.sy + (at.sy - this.last.sy) * k / n);
      if (cell) this.#applyState(cell.i, cell.j);
    }
    this.last = at;
  }

  up() { this.#finish(); }

  cancel() {
    this.editor.clearStroke([...this.#cells.keys()]);
    this.#cells.clear();
  }

  press(pane, at, event) {
    if (!at.cell) return;
    this.#begin(at.cell, event);
    this.#finish();
  }

  #finish() {
    const cells = [...this.#cells.values()];
    this.cancel();
    if (cells.length) this.editor.select(this.editor.shapes.cells(cells), this.#mode);
  }
}

/** A line of points, for a channel. Clicks set points; `done` gets them. */
export class LineTool {
  name = 'line';
  grabs = true;
  points = [];
  #at = null;
  #before = 0;

  /** @param {(points: number[][]) => void} changed */
  constructor(editor, changed) {
    this.editor = editor;
    this.changed = changed;
  }

  down(pane, at) {
    this.last = at;
    this.#before = this.points.length;
    return true;
  }

  #set(pane, at) { this.points.push(following(pane, at, this.points.at(-1))); }

  move(pane, at) {
    // A drag draws freely.
    if (Math.hypot(at.sx - this.last.sx, at.sy - this.last.sy) < 12) return;
    if (!this.last.drawing) this.#set(pane, this.last);
    this.#set(pane, at);
    this.last = { ...at, drawing: true };
    this.editor.overlays();
  }

  up(pane, at) {
    if (!this.last.drawing) this.#set(pane, at);
    this.#at = null;
    this.changed(this.points);
    this.editor.overlays();
  }

  press(pane, at) {
    this.#set(pane, at);
    this.editor.say(`Point ${this.points.length} of the line set.`);
    this.changed(this.points);
    this.editor.overlays();
  }

  hover(pane, at) {
    this.#at = following(pane, at, this.points.at(-1));
    if (this.points.length) this.editor.overlays();
  }

  /** The points that were set before the drag stay. */
  drop() {
    this.points.splice(this.#before);
    this.editor.overlays();
  }

  cancel() {
    this.points = [];
    this.#at = null;
    this.changed(this.points);
    this.editor.overlays();
  }

  draw(context, pane) {
    if (!this.points.length) return;
    const points = onScreen(pane, this.#at ? [...this.points, this.#at] : this.points);
    strokes(context, () => {
      context.beginPath();
      points.forEach(([x, y], k) => k ? context.lineTo(x, y) : context.moveTo(x, y));
    }, INK);
    context.fillStyle = '#111';
    for (const [x, y] of points.slice(0, this.points.length)) {
      context.beginPath();
      context.arc(x, y, 3, 0, 7);
      context.fill();
    }
  }
}
