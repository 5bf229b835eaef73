/**
 * How the values are distributed, and a range of them to select: drag over the bars, or type the limits.
 *
 * Bars are on a logarithmic scale, so that the few cells of an extreme value are seen.
 */

import { numberText } from '../map/view.js';
import { make } from '../map/dom.js';
import { modeOf } from './tools.js';

const BINS = 64, HEIGHT = 96;

export class Histogram {
  #all = null;
  #part = null;
  #from = null;
  #to = null;

  constructor(editor) {
    this.editor = editor;
    this.canvas = make('canvas', { class: 'bars', role: 'img', 'aria-label': 'Distribution of the values' });
    this.lo = make('input', { type: 'number', step: 'any', 'aria-label': 'Smallest value', 'data-range': 'from', onchange: () => this.#typed() });
    this.hi = make('input', { type: 'number', step: 'any', 'aria-label': 'Largest value', 'data-range': 'to', onchange: () => this.#typed() });
    const select = make('button', { type: 'button', class: 'small', 'data-do': 'range', onclick: (event) => this.#select(event) }, 'Select');
    this.element = make('div', { class: 'histogram' }, this.canvas, make('div', { class: 'ends' }, this.first = make('span'), this.last = make('span')),
      make('div', { class: 'range' }, make('span', {}, 'From'), this.lo, make('span', {}, 'to'), this.hi, select));
    this.#listen();
  }

  /** Asks for the bars anew, soon. */
  refresh(now = false) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#load(), now ? 0 : 250);
  }

  async #load() {
    const { editor } = this;
    if (!editor.online || !editor.about?.writable || !this.element.offsetParent) return;
    const mine = this.mine = (this.mine ?? 0) + 1;
    const ask = (selection) => editor.link.ask({ type: 'histogram', bins: BINS, at: editor.at, ...(selection ? { selection, filter: editor.filter } : {}) });
    try {
      const [all, part] = await Promise.all([ask(null), editor.selection ? ask(editor.selection) : null]);
      if (mine !== this.mine) return;
      this.#all = all;
      this.#part = part;
      this.draw();
    } catch (error) { editor.showError(error); }
  }

  draw() {
    const { canvas } = this, width = canvas.clientWidth || 280, ratio = devicePixelRatio;
    canvas.width = width * ratio;
    canvas.height = HEIGHT * ratio;
    const context = canvas.getContext('2d');
    context.scale(ratio, ratio);
    const all = this.#all;
    if (!all?.edges?.length) return;
    const style = getComputedStyle(canvas), ink = (name) => style.getPropertyValue(name).trim();
    const most = Math.log1p(Math.max(1, ...all.counts));
    const [x0, x1] = [all.edges[0], all.edges.at(-1)];
    const x = (v) => (v - x0) / (x1 - x0 || 1) * width;
    const bars = ({ edges, counts }, colour) => {
      context.fillStyle = colour;
      counts.forEach((n, k) => {
        const h = n ? Math.max(1.5, Math.log1p(n) / most * (HEIGHT - 6)) : 0, left = x(edges[k]);
        context.fillRect(left, HEIGHT - h, Math.max(1, x(edges[k + 1]) - left - .6), h);
      });
    };
    if (this.#from !== null) {
      context.fillStyle = ink('--accent-soft');
      context.fillRect(x(Math.min(this.#from, this.#to)), 0, Math.max(1, Math.abs(x(this.#to) - x(this.#from))), HEIGHT);
    }
    bars(all, ink('--bars'));
    if (this.#part?.counts) bars(this.#part, '#e08a00');
    if (x0 < 0 && x1 > 0 && this.editor.hasSea) {
      context.fillStyle = ink('--text');
      context.fillRect(x(0), 0, 1, HEIGHT);
    }
    if (this.#from !== null) {
      context.fillStyle = ink('--accent');
      for (const v of [this.#from, this.#to]) context.fillRect(Math.min(width - 2, Math.max(0, x(v) - 1)), 0, 2, HEIGHT);
    }
    this.first.textContent = numberText(x0, 4);
    this.last.textContent = numberText(x1, 4);
  }

  #listen() {
    const { canvas } = this;
    const value = (event) => {
      const box = canvas.getBoundingClientRect(), { edges } = this.#all;
      const f = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      return Number((edges[0] + f * (edges.at(-1) - edges[0])).toPrecision(5));
    };
    let held = false;
    canvas.addEventListener('pointerdown', (event) => {
      if (!this.#all || event.button) return;
      held = true;
      canvas.setPointerCapture(event.pointerId);
      this.#from = this.#to = value(event);
      this.#show();
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!held) return;
      this.#to = value(event);
      this.#show();
    });
    canvas.addEventListener('pointerup', (event) => {
      if (!held) return;
      held = false;
      if (this.#from === this.#to) { this.#from = this.#to = null; this.lo.value = this.hi.value = ''; this.draw(); return; }
      this.#select(event);
    });
    canvas.addEventListener('pointercancel', () => { held = false; });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  #show() {
    this.lo.value = Math.min(this.#from, this.#to);
    this.hi.value = Math.max(this.#from, this.#to);
    this.draw();
  }

  #typed() {
    const { edges } = this.#all ?? { edges: [0, 0] };
    this.#from = this.lo.value === '' ? edges[0] : Number(this.lo.value);
    this.#to = this.hi.value === '' ? edges.at(-1) : Number(this.hi.value);
    if (this.lo.value === '' && this.hi.value === '') this.#from = this.#to = null;
    this.draw();
  }

  #select(event) {
    const limit = (input) => input.value === '' ? null : Number(input.value);
    const [from, to] = [limit(this.lo), limit(this.hi)];
    if (from === null && to === null) return;
    this.editor.select(this.editor.shapes.range(from, to), modeOf(event, this.editor.mode));
  }
}
