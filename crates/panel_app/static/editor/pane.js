/**
 * One map: a raster with axes, and over it what changes with every movement of the hand.
 *
 * Panes of one grid look at the same part of the world; the editor carries a move of one over to the others.
 */

import { axes } from '../map/axes.js';
import { hexWord } from '../map/colors.js';
import { make } from '../map/dom.js';
import { beside } from '../map/grid.js';
import { gestures, position } from '../map/gestures.js';
import { cells as edges } from '../map/paint.js';
import { View } from '../map/view.js';
import { PREVIEWED, SELECTED, STROKED, gather, shade } from './paint.js';

/** From this many pixels a cell has edges. */
const EDGES_FROM = 10;
/** More pixels than this are drawn at half the resolution while the map moves. */
const QUICK_PIXELS = 1_600_000;
/** A lookup slower than this many ms is not repeated while the map moves: the last picture is moved instead. */
const SLOW_LOOKUP = 12;
const SETTLED_MS = 140;

const INKS = {
  [SELECTED]: { ink: hexWord('#ff9d00'), share: 76 },
  [PREVIEWED]: { ink: hexWord('#d018d8'), share: 120 },
  [STROKED]: { ink: hexWord('#d018d8'), share: 70 },
};

export class Pane extends EventTarget {
  view = new View();
  large = false;
  /** It is on a grid of its own. */
  apart = false;
  grid = null;
  /** Cells to be seen from afar: `[[i, j], ...]`. */
  marks = [];
  /** Milliseconds that the last drawing took. */
  took = 0;

  #looked = null;
  #key = '';
  #place = null;
  #image = null;
  #raster = document.createElement('canvas');
  #drawn = null;
  #lookupTook = 0;
  #moving = 0;
  #pending = 0;

  /**
   * @param {object} editor shares `display`, `tint`, `tinted`, `tool`, `hovered`, `dark`
   * @param {{map: string, title: string}} about
   * @param {import('./plane.js').Plane} plane
   */
  constructor(editor, about, plane) {
    super();
    this.editor = editor;
    this.about = about;
    this.plane = plane;
    this.base = make('canvas', { class: 'base', 'aria-hidden': 'true' });
    this.over = make('canvas', { class: 'over', tabindex: 0, role: 'application', 'aria-label': about.title });
    this.stage = make('div', { class: 'stage' }, this.base, this.over);
    this.#listen();
  }

  useGrid(grid) {
    this.grid = grid;
    this.view.bounds = grid.bounds;
    // The closest look: a cell is 120 pixels wide.
    this.view.finest = 120 / grid.cellSize;
    this.view.fit();
    this.#key = '';
    this.resize();
  }

  /** Takes the size of its place. */
  resize() {
    const width = this.stage.clientWidth;
    if (!width || !this.grid) return;
    const b = this.view.bounds, narrow = width < 620;
    const [left, right, top, bottom] = this.large ? [narrow ? 46 : 54, narrow ? 6 : 12, 8, 22] : [1, 1, 1, 1];
    const most = this.editor.heightFor(this);
    const inner = Math.max(60, width - left - right);
    const h = Math.round(Math.max(this.large ? 150 : 60, Math.min(most - top - bottom, inner * (b.y1 - b.y0) / (b.x1 - b.x0))));
    this.stage.style.height = `${h + top + bottom}px`;
    for (const canvas of [this.base, this.over]) {
      const [w, hh] = [Math.round(width * devicePixelRatio), Math.round((h + top + bottom) * devicePixelRatio)];
      if (canvas.width !== w || canvas.height !== hh) { canvas.width = w; canvas.height = hh; }
    }
    const { magnification } = this.view, { fitted } = this.view;
    this.view.resize({ x: left, y: top, w: inner, h });
    if (!fitted) { this.view.scale = this.view.fitScale * magnification; this.view.constrain(); }
    this.draw();
  }

  // ---- where it looks ----

  get camera() {
    const { cx, cy, magnification, fitted } = this.view;
    return { cx, cy, magnification, fitted };
  }

  /** Looks where another pane of the same world looks. */
  follow({ cx, cy, magnification, fitted }) {
    const { view } = this;
    if (fitted) view.fit();
    else {
      Object.assign(view, { cx, cy, scale: view.fitScale * magnification, fitted: false });
      view.constrain();
    }
    this.#moved();
  }

  zoom(factor, x, y) {
    this.view.zoom(factor, x, y);
    this.#moved();
    this.#tell();
  }

  reset() {
    this.view.fit();
    this.#moved();
    this.#tell();
  }

  /** Brings cells into view, close enough to be seen. */
  show([i0, j0, ni, nj]) {
    const corners = [[i0, j0], [i0 + ni - 1, j0], [i0, j0 + nj - 1], [i0 + ni - 1, j0 + nj - 1]].map(([i, j]) => this.grid.center(i, j));
    const [x, y] = this.grid.center(i0 + (ni >> 1), j0 + (nj >> 1));
    const { view } = this;
    const near = (v) => view.bounds.wraps ? v - Math.round((v - x) / 360) * 360 : v;
    const size = this.grid.cellSize;
    const wide = Math.max(...corners.map((c) => Math.abs(near(c[0]) - x))) * 2 + size, high = Math.max(...corners.map((c) => Math.abs(c[1] - y))) * 2 + size;
    Object.assign(view, { cx: x, cy: y, fitted: false });
    // A third of the map, at most 24 pixels a cell.
    const wanted = Math.min(24 / size, view.rect.w / 3 / wide, view.rect.h / 3 / high);
    view.scale = Math.max(wanted, Math.min(view.scale, 24 / size, view.rect.w / wide, view.rect.h / high));
    view.constrain();
    this.#moved();
    this.#tell();
  }

  #tell() { this.dispatchEvent(new Event('camera')); }

  #moved() {
    clearTimeout(this.#moving);
    this.#moving = setTimeout(() => { this.#moving = 0; this.redraw(); }, SETTLED_MS);
    this.touch();
    this.redraw();
  }

  /** A finger moves the map where there is something to move to, else the page. */
  touch() { this.over.style.touchAction = this.view.magnification > 1.01 || this.editor.tool.grabs ? 'none' : 'pan-y'; }

  // ---- what others ask ----

  /** Where a pointer event is: on the canvas, in the world, and in which cell. */
  point(event) {
    return this.pointAt(...position(this.over, event));
  }

  pointAt(sx, sy) {
    const [x, y] = this.view.toWorld(sx, sy);
    return { sx, sy, x, y, cell: this.#cellAt(sx, sy) };
  }

  #cellAt(sx, sy) {
    const f = this.#looked, place = this.#place;
    if (!f || !place) return null;
    const px = Math.floor((sx - place.x) * f.w / place.w), py = Math.floor((sy - place.y) * f.h / place.h);
    if (px < 0 || py < 0 || px >= f.w || py >= f.h) return null;
    const cell = f.cell(py * f.w + px);
    return cell < 0 ? null : { i: cell % f.ni, j: Math.floor(cell / f.ni) };
  }

  /** The cells of the file in view, at which level a pixel is about a cell: what a huge file has to fetch. */
  get wanted() {
    const f = this.#looked;
    if (!f?.cols) return null;
    const range = (list) => list.reduce(([a, b], v) => v < 0 ? [a, b] : [Math.min(a, v), Math.max(b, v)], [Infinity, -1]);
    const [i0, i1] = range(f.cols), [j0, j1] = range(f.rows);
    if (i1 < 0 || j1 < 0) return null;
    const level = Math.max(0, Math.round(Math.log2(1 / (this.view.scale * this.grid.cellSize * devicePixelRatio))));
    return { level, i0, j0, i1, j1 };
  }

  // ---- drawing ----

  /** Draws with the next frame of the screen. */
  redraw() {
    if (!this.#pending) this.#pending = requestAnimationFrame(() => { this.#pending = 0; this.draw(); });
  }

  draw() {
    if (this.#pending) { cancelAnimationFrame(this.#pending); this.#pending = 0; }
    const { grid, view, base, plane, editor } = this;
    if (!grid || !base.width || !plane.layers.length || !this.stage.clientWidth) return;
    const began = performance.now();
    const ratio = devicePixelRatio, extent = view.extent;
    const [x0, y0] = view.toScreen(extent.x0, extent.y1), [x1, y1] = view.toScreen(extent.x1, extent.y0);
    const place = { x: Math.round(x0 * ratio) / ratio, y: Math.round(y0 * ratio) / ratio };
    place.w = Math.max(1, Math.round((x1 - place.x) * ratio) / ratio);
    place.h = Math.max(1, Math.round((y1 - place.y) * ratio) / ratio);
    const detail = this.#moving && place.w * place.h * ratio * ratio > QUICK_PIXELS ? ratio / 2 : ratio;
    const w = Math.max(1, Math.round(place.w * detail)), h = Math.max(1, Math.round(place.h * detail));
    const context = base.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, base.width, base.height);
    const key = `${w} ${h} ${extent.x0} ${extent.x1} ${extent.y0} ${extent.y1}`;
    if (key !== this.#key && this.#moving && this.#lookupTook > SLOW_LOOKUP && this.#drawn?.edition === plane.edition) {
      this.#moveLast(context, place);
      this.#place = place;
    } else {
      this.#place = place;
      this.#paint(key, extent, w, h);
      if (detail === ratio) context.putImageData(this.#image, Math.round(place.x * ratio), Math.round(place.y * ratio));
      else {
        this.#raster.width = w;
        this.#raster.height = h;
        this.#raster.getContext('2d').putImageData(this.#image, 0, 0);
        context.imageSmoothingEnabled = false;
        context.drawImage(this.#raster, place.x, place.y, place.w, place.h);
      }
      this.#drawn = { extent, edition: plane.edition };
    }
    const style = editor.style;
    if (this.large) axes(context, { view, place, extent, geographic: grid.geographic, lines: editor.display.lines, width: this.stage.clientWidth, ink: style.quiet, font: style.font });
    else {
      context.strokeStyle = style.line;
      context.lineWidth = 1;
      context.strokeRect(place.x + .5, place.y + .5, place.w - 1, place.h - 1);
    }
    this.drawOver();
    this.took = performance.now() - began;
    this.dispatchEvent(new Event('drawn'));
  }

  #paint(key, extent, w, h) {
    const { grid, plane, editor } = this;
    if (key !== this.#key) {
      const before = performance.now();
      this.#looked = grid.lookup(extent, w, h);
      this.#lookupTook = performance.now() - before;
      this.#key = key;
    }
    if (this.#image?.width !== w || this.#image.height !== h) this.#image = new ImageData(w, h);
    const words = new Uint32Array(this.#image.data.buffer);
    gather(this.#looked, plane, words);
    if (editor.display.edges && this.view.scale * grid.cellSize >= EDGES_FROM) edges(this.#looked, words, editor.dark);
    if (editor.tinted && this.sharesGrid) shade(this.#looked, editor.tint, words, INKS);
  }

  /** True when its cells are those that are edited. */
  get sharesGrid() { return !this.apart; }

  #moveLast(context, place) {
    const { extent } = this.#drawn, { view } = this;
    if (this.#raster.width !== this.#image.width || this.#raster.height !== this.#image.height) {
      this.#raster.width = this.#image.width;
      this.#raster.height = this.#image.height;
    }
    this.#raster.getContext('2d').putImageData(this.#image, 0, 0);
    context.save();
    context.beginPath();
    context.rect(place.x, place.y, place.w, place.h);
    context.clip();
    context.imageSmoothingEnabled = false;
    const shifts = view.bounds.wraps ? [-720, -360, 0, 360, 720] : [0];
    for (const shift of shifts) {
      const [x0, y0] = view.toScreen(extent.x0 + shift, extent.y1), [x1, y1] = view.toScreen(extent.x1 + shift, extent.y0);
      if (x1 > place.x && x0 < place.x + place.w) context.drawImage(this.#raster, x0, y0, x1 - x0, y1 - y0);
    }
    context.restore();
  }

  /** Draws what lies over the raster: marks, the tool at work, the cell under the pointer. */
  drawOver() {
    const canvas = this.over, ratio = devicePixelRatio, context = canvas.getContext('2d'), { editor } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!this.#place || !this.grid) return;
    const r = this.view.rect;
    context.save();
    context.beginPath();
    context.rect(r.x, r.y, r.w, r.h);
    context.clip();
    context.lineJoin = 'round';
    this.#drawMarks(context);
    if (this.sharesGrid) {
      editor.tool.draw?.(context, this);
      if (editor.focused) this.#ring(context, editor.focused);
      if (editor.hovered) this.#cursor(context, editor.hovered, editor.hovered.pane === this);
    }
    context.restore();
  }

  /** Small circles where single cells would not be seen. */
  #drawMarks(context) {
    const pixels = this.view.scale * this.grid.cellSize;
    if (!this.marks.length || pixels > 8) return;
    context.lineWidth = 1.5;
    context.strokeStyle = this.editor.dark ? '#ff8a7d' : '#b3140a';
    context.beginPath();
    const radius = Math.max(3.5, pixels * .9 + 2);
    for (const [i, j] of this.marks) {
      const at = this.toScreen(i, j);
      if (!at) continue;
      context.moveTo(at[0] + radius, at[1]);
      context.arc(at[0], at[1], radius, 0, 2 * Math.PI);
    }
    context.stroke();
  }

  /** The middle of a cell on the canvas, the copy nearest to the middle of the view. */
  toScreen(i, j) {
    const [x, y] = this.grid.center(i, j);
    if (!Number.isFinite(x)) return null;
    return this.view.toScreen(this.view.near(x), y);
  }

  outlineOf(i, j) {
    return this.grid.outline(i, j, this.view.cx)?.map(([x, y]) => this.view.toScreen(x, y)) ?? null;
  }

  #cursor(context, { i, j, keyboard }, mine) {
    const outline = this.outlineOf(i, j);
    if (!outline) return;
    const path = () => {
      context.beginPath();
      outline.forEach(([x, y], k) => k ? context.lineTo(x, y) : context.moveTo(x, y));
      context.closePath();
    };
    const strong = keyboard ? 1.6 : 1;
    for (const [width, colour] of [[3 * strong, 'rgb(255 255 255 / 85%)'], [1.5 * strong, '#111']]) {
      path();
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke();
    }
    // In the other maps a cell of few pixels needs more than its outline.
    if (!mine && this.view.scale * this.grid.cellSize < 12) {
      const [x, y] = this.toScreen(i, j) ?? [];
      for (const [width, colour] of [[3, 'rgb(255 255 255 / 85%)'], [1.2, '#111']]) {
        context.beginPath();
        for (const [a, b] of [[-11, -4], [4, 11]]) {
          context.moveTo(x + a, y); context.lineTo(x + b, y);
          context.moveTo(x, y + a); context.lineTo(x, y + b);
        }
        context.lineWidth = width;
        context.strokeStyle = colour;
        context.stroke();
      }
    }
  }

  /** A ring around what was jumped to. */
  #ring(context, [i0, j0, ni, nj]) {
    const corners = [[i0, j0], [i0 + ni - 1, j0 + nj - 1], [i0, j0 + nj - 1], [i0 + ni - 1, j0]].map(([i, j]) => this.toScreen(i, j)).filter(Boolean);
    if (!corners.length) return;
    const xs = corners.map((c) => c[0]), ys = corners.map((c) => c[1]);
    const pad = this.view.scale * this.grid.cellSize / 2 + 6;
    const [x0, x1, y0, y1] = [Math.min(...xs) - pad, Math.max(...xs) + pad, Math.min(...ys) - pad, Math.max(...ys) + pad];
    if (x1 - x0 > this.view.rect.w) return;
    for (const [width, colour] of [[5, 'rgb(255 255 255 / 85%)'], [2.5, this.editor.style.focus]]) {
      context.beginPath();
      context.roundRect(x0, y0, x1 - x0, y1 - y0, 10);
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke();
    }
  }

  // ---- gestures ----

  #listen() {
    const { editor } = this;
    gestures(this.over, this.view, {
      moved: () => { this.#moved(); this.#tell(); },
      reset: () => this.reset(),
      hover: (place, event, pressed) => {
        if (!this.sharesGrid) return;
        const at = this.pointAt(...place);
        editor.hover(at.cell, this);
        if (!pressed) editor.tool.hover?.(this, at, event);
      },
      left: () => editor.hover(null, this),
      tap: (place) => { if (this.sharesGrid) editor.hover(this.pointAt(...place).cell, this); },
      grab: (place, event) => {
        const { tool } = editor;
        if (!this.sharesGrid || editor.panning || !tool.down?.(this, this.pointAt(...place), event)) return null;
        return {
          move: (place, event) => {
            // All positions since the last frame, so that a quick lasso is round.
            for (const each of event.getCoalescedEvents?.() ?? []) tool.move?.(this, this.point(each), each);
            tool.move?.(this, this.pointAt(...place), event);
          },
          up: (place, event) => tool.up?.(this, this.pointAt(...place), event),
          cancel: () => (tool.drop ?? tool.cancel)?.call(tool, this),
        };
      },
      walk: (dx, dy) => this.#walk(dx, dy),
      key: (event) => {
        const cell = ['Enter', ' '].includes(event.key) && editor.hovered, at = cell && this.toScreen(cell.i, cell.j);
        if (at) editor.tool.press?.(this, this.#pointOf(cell, at), event);
        return Boolean(cell);
      },
    });
    this.over.addEventListener('dblclick', (event) => { if (!editor.tool.grabs) { event.preventDefault(); this.reset(); } });
  }

  /** Moves the cell cursor by one cell. */
  #walk(dx, dy) {
    const { editor, plane, view } = this, r = view.rect;
    const cell = editor.hovered ? beside(this.grid, plane, editor.hovered, dx, dy) : this.#cellAt(r.x + r.w / 2, r.y + r.h / 2);
    if (!cell) return;
    if (view.reveal(...this.grid.center(cell.i, cell.j))) {
      this.#moved();
      this.#tell();
    }
    editor.hover(cell, this, true);
    const at = this.toScreen(cell.i, cell.j);
    if (at) editor.tool.hover?.(this, this.#pointOf(cell, at), null);
  }

  /** Where the cell cursor is: its cell is known, while the last drawing may be of another view. */
  #pointOf({ i, j }, at) { return { ...this.pointAt(...at), cell: { i, j } }; }
}
