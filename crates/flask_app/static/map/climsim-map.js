/**
 * `<climsim-map>`: any variable of any stored file on a map.
 *
 * ## In a page
 *
 *     <script type="module" src="{{ assets }}/map/climsim-map.js"></script>
 *     <climsim-map src="/3/bathy/field.json" label="Bathymetry, revision 5"></climsim-map>
 *
 * The element is as wide as its container and chooses its height; nothing else is needed: no inline style or script,
 * no other file than the modules beside this one, no request but to this server. A comparison is
 * `src="/3/bathy/field.json?revision=5&minus=2"`.
 *
 * | attribute | meaning | default |
 * |---|---|---|
 * | `src` | the description of the file (`.../field.json`, with `revision` and `minus` as needed) | required |
 * | `variable` | what to show first | the server's choice |
 * | `label` | what the map shows, for screen readers | the variable |
 *
 * Its height is that of the world at its width, up to `--map-height` (in pixels; 72 % of the window).
 *
 * Keys, when the map has the focus: arrows pan, `+` `-` zoom, `0` or Home shows everything, Shift+arrows walk from cell
 * to cell and read out each, Escape ends that.
 *
 * Invariant: values are never computed here beyond choosing colours; what the readout calls exact is what the server
 * read from the file.
 */

import { axes } from './axes.js';
import { STYLE_MAPS, codeColor, colorMaps, css, scale } from './colors.js';
import { labelled, make, options } from './dom.js';
import { MeshGrid, RegularGrid, beside } from './grid.js';
import { gestures } from './gestures.js';
import { colourBar } from './legend.js';
import { paint } from './paint.js';
import { Source, addresses, get } from './source.js';
import styles from './styles.js';
import { View, latText, lonText, numberText } from './view.js';
import { parse } from './wire.js';

/** Fewer pixels than this per cell: no edges. */
const EDGES_FROM = 12;
/** More pixels than this are drawn at half the resolution while the map moves. */
const QUICK_PIXELS = 1_600_000;
/** More codes than this get no legend. */
const LISTED_CODES = 40;

class ClimsimMap extends HTMLElement {
  #internals = this.attachInternals();
  #dom = {};
  #description = null;
  #variable = null;
  #at = [];
  #grid = null;
  #grids = new Map();
  #look = { map: 'viridis', lo: 0, hi: 1, categorical: false, reversed: false, steps: 0, codes: null };
  #limits = 'auto';
  #projection = 'geographic';
  #show = { coast: true, lines: true, edges: true };
  #frame = null;
  #place = null;
  #raster = document.createElement('canvas');
  #drawing = 0;
  #moving = 0;
  #cursor = null;
  #hover = null;
  #asking = null;
  #loading = 0;
  #where = null;
  #seen = null;

  /** Where the map looks. */
  view = new View();
  /** Values, overview and tiles. */
  source = null;

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [styles];
    this.#build(root);
  }

  connectedCallback() {
    this.resized = new ResizeObserver(() => this.#resize());
    this.resized.observe(this);
    this.scheme = matchMedia('(prefers-color-scheme: dark)');
    this.scheme.addEventListener('change', this.#redraw);
    if (!this.#description) this.#start();
  }

  disconnectedCallback() {
    this.resized?.disconnect();
    this.scheme?.removeEventListener('change', this.#redraw);
  }

  // ---- cells ----

  /** The cell at a place of the canvas, in CSS pixels; null outside. */
  #pick(x, y) {
    const f = this.#frame, place = this.#place;
    if (!f || !place) return null;
    const px = Math.floor((x - place.x) * f.w / place.w), py = Math.floor((y - place.y) * f.h / place.h);
    if (px < 0 || py < 0 || px >= f.w || py >= f.h) return null;
    const cell = f.cell(py * f.w + px);
    return cell < 0 ? null : this.#cell(cell % f.ni, Math.floor(cell / f.ni), f.values[py * f.w + px]);
  }

  /** Draws what lies over the map: the cell under the pointer. */
  #drawOver() {
    const canvas = this.#dom.over, ratio = devicePixelRatio;
    const context = canvas.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!this.#place) return;
    const r = this.view.rect;
    context.save();
    context.beginPath();
    context.rect(r.x, r.y, r.w, r.h);
    context.clip();
    const cell = this.#cursor ?? this.#hover;
    const outline = cell && this.#grid.outline(cell.i, cell.j, this.view.cx)?.map(([x, y]) => this.view.toScreen(x, y));
    if (outline) {
      context.beginPath();
      outline.forEach(([x, y], k) => k ? context.lineTo(x, y) : context.moveTo(x, y));
      context.closePath();
      context.lineJoin = 'round';
      for (const [width, colour] of [[this.#cursor ? 5 : 3.5, 'rgb(255 255 255 / 85%)'], [this.#cursor ? 2.5 : 1.5, '#111']]) {
        context.lineWidth = width;
        context.strokeStyle = colour;
        context.stroke();
      }
    }
    context.restore();
  }

  /** Shows everything. */
  reset() {
    this.view.fit();
    this.#changedView();
  }

  // ---- loading ----

  async #start() {
    const src = this.getAttribute('src');
    if (!src) return;
    const mine = ++this.#loading;
    this.#showError(null);
    this.#busy('Loading');
    this.#describeCanvas();
    this.#where = addresses(src, document.baseURI);
    const variable = this.getAttribute('variable');
    // Description and values at once: the server chooses the same variable and level that the description names.
    const early = get(this.#where.field({ variable: variable ?? '' })).then((r) => r.arrayBuffer());
    early.catch(() => {});
    try {
      const description = await get(this.#where.json).then((r) => r.json());
      if (mine !== this.#loading) return;
      this.#description = description;
      this.#grids.clear();
      this.#dom.variable.replaceChildren(...options(description.variables.map((v) => [v.name, v.long_name && v.long_name.toLowerCase() !== v.name.toLowerCase() ? `${v.name} – ${v.long_name}` : v.name])));
      await this.#choose(variable ?? description.default, [], early);
    } catch (error) {
      if (mine === this.#loading) { this.#busy(null); this.#showError(error); }
    }
  }

  /** Shows a variable at positions along its leading dimensions, the first ones where none are given. */
  async #choose(name, at = [], early = null) {
    const mine = ++this.#loading;
    const found = this.#description.variables.find((v) => v.name === name);
    if (!found) return this.#showError(new Error(`This file has no variable '${name}' that can be drawn.`));
    const fresh = found !== this.#variable;
    const before = this.source;
    this.#variable = found;
    this.#at = found.dimensions.map((d, k) => at[k] ?? 0);
    const slow = setTimeout(() => this.#busy('Loading'), 150);
    try {
      const source = new Source(this.#where, found, this.#at);
      const [grid] = await Promise.all([this.#gridFor(found), source.load(early)]);
      if (mine !== this.#loading) return source.close();
      before?.close();
      source.addEventListener('tile', this.#redraw);
      source.addEventListener('error', (event) => this.#showError(event.detail));
      const old = this.#grid;
      this.source = source;
      this.#cursor = this.#hover = null;
      this.#showError(null);
      if (fresh) this.#newLook();
      this.#setLimits();
      if (!old || JSON.stringify(old.bounds) !== JSON.stringify(grid.bounds)) this.#useGrid(grid);
      else { this.#grid = grid; this.#redraw(); }
      this.#describe();
    } catch (error) {
      if (mine === this.#loading) this.#showError(error);
    } finally {
      clearTimeout(slow);
      if (mine === this.#loading) this.#busy(null);
    }
  }

  async #gridFor(variable) {
    const geometry = this.#description.grids[variable.grid];
    const index = this.#projection === 'index' || geometry.kind === 'index';
    const key = `${variable.grid}/${index}/${variable.rows}/${variable.columns}`;
    if (!this.#grids.has(key)) {
      let grid;
      if (index) grid = new RegularGrid({ kind: 'index' }, variable);
      else if (geometry.kind === 'regular') grid = new RegularGrid(geometry, variable);
      else {
        const query = { variable: variable.name, level: variable.overview };
        grid = new MeshGrid(parse(await get(this.#where.mesh(query)).then((r) => r.arrayBuffer())), variable);
      }
      this.#grids.set(key, grid);
    }
    return this.#grids.get(key);
  }

  #useGrid(grid) {
    this.#grid = grid;
    this.view.bounds = grid.bounds;
    this.view.fitted = true;
    this.#resize();
    // The closest look: a cell is 120 pixels wide.
    this.view.finest = 120 / grid.cellSize;
    this.view.fit();
    this.#changedView();
  }

  /** Colour map and kind as the description suggests. */
  #newLook() {
    const v = this.#variable;
    this.#look.categorical = v.style === 'categorical';
    this.#look.map = /veget|frac|pft|lai/i.test(v.name) && v.style === 'sequential' ? 'greens' : /heat|temp/i.test(v.name) && v.style === 'sequential' ? 'heat' : STYLE_MAPS[v.style];
    this.#look.reversed = false;
    this.#limits = 'auto';
    this.#show.coast = v.style === 'relief' || v.style === 'depth';
  }

  #setLimits() {
    const { header, table: codes } = this.source.overview;
    // Limits only grow while positions along time or type are looked through, so that colours stay comparable.
    const range = header.range ?? [0, 1], seen = this.#seen?.variable === this.#variable ? this.#seen.full : range;
    const full = [Math.min(range[0], seen[0]), Math.max(range[1], seen[1])];
    this.#seen = { variable: this.#variable, full };
    const robust = header.robust ?? full;
    const manual = this.#limits.split(',').map(Number);
    const far = robust[1] - robust[0] < .4 * (full[1] - full[0]);
    let lo, hi;
    if (manual.length === 2 && manual.every(Number.isFinite)) [lo, hi] = manual;
    else if (this.#limits === 'robust' || (this.#limits === 'auto' && far && robust[1] > robust[0] && this.#variable.style === 'sequential')) [lo, hi] = robust;
    else [lo, hi] = full;
    if (this.#variable.style === 'diverging' && this.#limits.split(',').length !== 2) {
      const most = Math.max(Math.abs(lo), Math.abs(hi)) || 1;
      [lo, hi] = [-most, most];
    }
    if (this.#variable.style === 'depth' && lo > 0 && this.#limits === 'auto') lo = 0;
    Object.assign(this.#look, { lo, hi, codes: codes && codes.length <= LISTED_CODES ? codes : null });
  }

  // ---- drawing ----

  #resize() {
    const width = this.clientWidth;
    if (!width) return;
    const b = this.view.bounds, narrow = width < 620;
    this.#internals.states[narrow ? 'add' : 'delete']('narrow');
    // Where the map is small its buttons stand above it.
    const { tools, stage, controls, display } = this.#dom;
    if (narrow && tools.parentNode !== controls) controls.insertBefore(tools, display);
    else if (!narrow && tools.parentNode !== stage) stage.append(tools);
    const left = narrow ? 48 : 56, right = narrow ? 6 : 12, top = 8, bottom = 22;
    const most = parseFloat(getComputedStyle(this).getPropertyValue('--map-height')) || Math.max(320, innerHeight * .72);
    const inner = Math.max(80, width - left - right);
    const h = Math.round(Math.max(narrow ? 120 : 226, Math.min(most, inner * (b.y1 - b.y0) / (b.x1 - b.x0))));
    this.#dom.stage.style.height = `${h + top + bottom}px`;
    for (const canvas of [this.#dom.base, this.#dom.over]) {
      const [w, hh] = [Math.round(width * devicePixelRatio), Math.round((h + top + bottom) * devicePixelRatio)];
      if (canvas.width !== w || canvas.height !== hh) { canvas.width = w; canvas.height = hh; }
    }
    this.view.resize({ x: left, y: top, w: inner, h });
    this.#draw();
  }

  #redraw = () => {
    if (!this.#drawing) this.#drawing = requestAnimationFrame(() => { this.#drawing = 0; this.#draw(); });
  };

  #changedView(quick = false) {
    if (quick) {
      clearTimeout(this.#moving);
      this.#moving = setTimeout(() => { this.#moving = 0; this.#redraw(); }, 140);
    }
    this.#dom.over.style.touchAction = this.view.magnification > 1.01 ? 'none' : 'pan-y';
    this.#redraw();
  }

  #draw() {
    const { base } = this.#dom, view = this.view;
    const context = base.getContext('2d'), ratio = devicePixelRatio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, base.width, base.height);
    if (!this.source?.overview || !this.#grid) return;
    const extent = view.extent;
    const [x0, y0] = view.toScreen(extent.x0, extent.y1), [x1, y1] = view.toScreen(extent.x1, extent.y0);
    const place = { x: Math.round(x0 * ratio) / ratio, y: Math.round(y0 * ratio) / ratio };
    place.w = Math.max(1, Math.round((x1 - place.x) * ratio) / ratio);
    place.h = Math.max(1, Math.round((y1 - place.y) * ratio) / ratio);
    const many = place.w * place.h * ratio * ratio > QUICK_PIXELS;
    const detail = this.#moving && many ? ratio / 2 : ratio;
    const style = getComputedStyle(this), ink = (name) => style.getPropertyValue(name).trim();
    const dark = this.scheme?.matches ?? false;
    const frame = this.#grid.frame(this.source, extent, Math.max(1, Math.round(place.w * detail)), Math.max(1, Math.round(place.h * detail)));
    const cellPixels = view.scale * this.#grid.cellSize;
    const image = paint(frame, scale(this.#look), {
      coast: this.#show.coast && !this.#look.categorical, edges: this.#show.edges && cellPixels >= EDGES_FROM, dark });
    this.#frame = frame;
    this.#place = place;
    this.#raster.width = frame.w;
    this.#raster.height = frame.h;
    this.#raster.getContext('2d').putImageData(image, 0, 0);
    context.fillStyle = ink('--m-missing');
    context.fillRect(place.x, place.y, place.w, place.h);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.#raster, place.x, place.y, place.w, place.h);
    axes(context, { view, place, extent, geographic: this.#grid.geographic, lines: this.#show.lines, width: this.clientWidth, ink: ink('--m-quiet'), font: style.fontFamily });
    this.#drawOver();
  }

  #legend() {
    const look = this.#look, v = this.#variable, { legend } = this.#dom;
    const name = v.long_name || v.name;
    const title = make('div', { class: 'title' }, this.#description.compared ? `Difference of ${name}` : name, v.units && v.units !== '-' ? ` (${v.units})` : '');
    if (look.categorical) {
      const codes = look.codes;
      const meaning = new Map(v.flags.map(([value, text]) => [value, text]));
      const list = codes?.map((code, k) => {
        const swatch = make('i');
        swatch.style.background = css(codeColor(code, k));
        return make('span', {}, swatch, meaning.has(code) ? `${numberText(code)} ${meaning.get(code)}` : numberText(code));
      }) ?? [make('span', {}, 'One colour per code; there are too many to list.')];
      legend.replaceChildren(title, make('div', { class: 'codes' }, ...list));
      return;
    }
    legend.replaceChildren(title, ...colourBar(look, legend.clientWidth - 26));
  }

  // ---- words ----

  #describe() {
    const v = this.#variable, geometry = this.#description.grids[v.grid], { header } = this.source.overview;
    this.#dom.variable.value = v.name;
    this.#dom.variable.parentElement.hidden = this.#description.variables.length < 2;
    this.#dom.dims.replaceChildren(...v.dimensions.map((d, k) => d.length > 1 ? this.#slider(d, k) : ''));
    this.#dom.projection.parentElement.hidden = geometry.kind === 'index';
    this.#dom.projection.value = this.#projection;
    this.#dom.map.value = this.#look.map;
    this.#dom.kind.value = this.#look.categorical ? 'codes' : 'values';
    this.#dom.reversed.checked = this.#look.reversed;
    this.#dom.coast.checked = this.#show.coast;
    const numbers = this.#limits.split(',').length === 2;
    this.#dom.limits.value = numbers ? 'manual' : this.#limits;
    this.#dom.manual.hidden = !numbers;
    this.#dom.lo.value = Number(this.#look.lo.toPrecision(6));
    this.#dom.hi.value = Number(this.#look.hi.toPrecision(6));
    const notes = [];
    if (geometry.kind === 'index' && geometry.reason) notes.push(geometry.reason);
    if (header.sampled) notes.push('From afar this map shows a sample of the cells; zoom in for all of them.');
    if (!header.range) notes.push('There is no value here: all cells are missing.');
    else if (header.range[0] === header.range[1]) notes.push(this.#where.compares && header.range[0] === 0 ? 'No difference: both hold the same values.' : `The value is ${numberText(header.range[0])} everywhere.`);
    this.#dom.note.textContent = notes.join(' ');
    this.#dom.note.hidden = notes.length === 0;
    this.#legend();
    this.#describeCanvas();
    this.#read(null);
  }

  #describeCanvas() {
    const v = this.#variable, range = this.source?.overview?.header.range;
    const values = v && range ? `, from ${numberText(range[0])} to ${numberText(range[1])} ${v.units}` : '';
    const label = this.getAttribute('label') ?? (v?.long_name || v?.name || 'loading');
    this.#dom.over.setAttribute('aria-label', `Map: ${label}${values}. Arrow keys pan, plus and minus zoom, Shift with arrows reads cells.`);
  }

  /** The control of a dimension; made once per variable, so that it keeps the focus. */
  #slider(dimension, k) {
    const d = this.#dom;
    if (d.sliders?.variable !== this.#variable) d.sliders = { variable: this.#variable, made: [] };
    if (d.sliders.made[k]) {
      d.sliders.made[k].show();
      return d.sliders.made[k].control;
    }
    const text = make('output');
    const input = make('input', { type: 'range', min: 0, max: dimension.length - 1, 'aria-label': dimension.name, oninput: () => go(Number(input.value)) });
    const show = () => {
      const at = this.#at[k], value = dimension.values[at], count = `${at + 1} of ${dimension.length}`;
      const units = ['', '-', '1'].includes(dimension.units) ? '' : ` ${dimension.units}`;
      input.value = at;
      text.textContent = value === undefined ? count : `${numberText(value)}${units} (${count})`;
    };
    const go = (to) => {
      const at = Math.min(dimension.length - 1, Math.max(0, to));
      if (at === this.#at[k]) return;
      this.#at[k] = at;
      show();
      clearTimeout(this.sliding);
      this.sliding = setTimeout(() => this.#choose(this.#variable.name, this.#at), 30);
    };
    show();
    const [less, more] = [[-1, '‹', 'Previous'], [1, '›', 'Next']].map(([by, sign, word]) =>
      make('button', { type: 'button', 'aria-label': `${word} ${dimension.name}`, onclick: () => go(this.#at[k] + by) }, sign));
    const control = make('div', { class: 'control dim' }, make('span', {}, `${dimension.name}: `, text), make('div', { class: 'slider' }, less, input, more));
    d.sliders.made[k] = { control, show };
    return control;
  }

  #cell(i, j, shown) {
    const [x, y] = this.#grid.center(i, j);
    const best = this.source.best(i, j);
    return { i, j, lon: this.#grid.geographic ? x : null, lat: this.#grid.geographic ? y : null,
      value: best?.exact ? best.value : shown ?? best?.value ?? NaN, exact: Boolean(best?.exact) };
  }

  /** Shows a cell in the readout, and fetches the file's own value if what is here is not exact. */
  #read(cell, aloud = false) {
    const { readout, spoken } = this.#dom;
    clearTimeout(this.asking);
    this.#asking?.abort();
    if (!cell) {
      readout.replaceChildren(make('span', { class: 'where' }, 'Point at the map to read a cell; drag to move, wheel or pinch to zoom.'));
      return;
    }
    const v = this.#variable, units = v.units && v.units !== '-' ? ` ${v.units}` : '';
    const show = (value, exact, lon = cell.lon, lat = cell.lat) => {
      const text = Number.isFinite(value) ? `${exact ? '' : '≈ '}${numberText(value, exact ? 7 : 4)}${units}` : 'no value';
      const flag = v.flags.find(([code]) => code === value)?.[1];
      const where = lon === null || lon === undefined ? '' : `${latText(lat, 3)} ${lonText(lon, 3)} · `;
      readout.replaceChildren(make('span', { class: 'value' }, text, flag ? ` ${flag}` : ''), make('span', { class: 'where' }, `${where}i ${cell.i} · j ${cell.j}`));
      if (aloud) spoken.textContent = `${text}${flag ? ` ${flag}` : ''}, ${where}column ${cell.i}, row ${cell.j}`;
    };
    const sure = cell.exact || (!Number.isFinite(cell.value) && this.source.overview.level === 0);
    show(cell.value, sure);
    if (sure) return;
    const source = this.source;
    this.asking = setTimeout(() => {
      this.#asking = new AbortController();
      source.exact(cell.i, cell.j, this.#asking.signal)
        .then((answer) => { if (source === this.source) show(answer.value ?? NaN, true, answer.lon ?? cell.lon, answer.lat ?? cell.lat); })
        .catch(() => { /* The approximate value stays, and says that it is one. */ });
    }, 60);
  }

  #showError(error) {
    this.#dom.error.hidden = !error;
    this.#dom.error.textContent = error ? error.message : '';
    this.#dom.stage.hidden = Boolean(error) && !this.source;
    this.#dom.below.hidden = this.#dom.stage.hidden;
    this.#dom.controls.hidden = this.#dom.stage.hidden;
  }

  #busy(text) {
    this.#dom.busy.hidden = !text;
    this.#dom.busy.textContent = text ? `${text} …` : '';
  }

  // ---- gestures ----

  #restyle() {
    this.#setLimits();
    this.#describe();
    this.#redraw();
  }

  #build(root) {
    const d = this.#dom;
    d.variable = make('select', { onchange: () => this.#choose(d.variable.value) });
    d.dims = make('div', { class: 'controls dims' });
    d.dims.style.display = 'contents';
    d.map = make('select', { onchange: () => { this.#look.map = d.map.value; this.#restyle(); } }, ...options(colorMaps()));
    d.kind = make('select', { onchange: () => { this.#look.categorical = d.kind.value === 'codes'; this.#restyle(); } }, ...options([['values', 'Continuous'], ['codes', 'Categories']]));
    d.limits = make('select', { onchange: () => { this.#limits = d.limits.value === 'manual' ? `${this.#look.lo},${this.#look.hi}` : d.limits.value; this.#restyle(); } },
      ...options([['auto', 'Automatic'], ['full', 'Smallest to largest'], ['robust', 'Without extremes (2–98 %)'], ['manual', 'By hand']]));
    const byHand = () => {
      const [lo, hi] = [Number(d.lo.value), Number(d.hi.value)];
      if (Number.isFinite(lo) && Number.isFinite(hi) && hi > lo) { this.#limits = `${lo},${hi}`; this.#restyle(); }
    };
    d.lo = make('input', { type: 'number', step: 'any', onchange: byHand });
    d.hi = make('input', { type: 'number', step: 'any', onchange: byHand });
    d.manual = make('div', { class: 'pair', hidden: true }, labelled('From', d.lo), labelled('To', d.hi));
    d.steps = make('select', { onchange: () => { this.#look.steps = Number(d.steps.value); this.#restyle(); } }, ...options([['0', 'Smooth'], ...[6, 8, 10, 12, 16, 20].map((n) => [n, `${n} bands`])]));
    d.projection = make('select', { onchange: async () => {
      this.#projection = d.projection.value;
      try { this.#useGrid(await this.#gridFor(this.#variable)); this.#describe(); } catch (error) { this.#showError(error); }
    } }, ...options([['geographic', 'Longitude and latitude'], ['index', 'Cell numbers']]));
    const check = (key, text, act) => make('label', { class: 'check' }, d[key] = make('input', { type: 'checkbox', checked: this.#show[key], onchange: () => { act(d[key].checked); this.#redraw(); } }), text);
    d.panel = make('div', { class: 'panel' }, labelled('Colours', d.map), make('div', { class: 'pair' }, labelled('Scale', d.kind), labelled('Steps', d.steps)),
      labelled('Limits', d.limits), d.manual, labelled('Draw by', d.projection),
      check('reversed', 'Reverse the colours', (on) => { this.#look.reversed = on; this.#legend(); }),
      check('coast', 'Line where the value is zero', (on) => { this.#show.coast = on; }),
      check('lines', 'Grid lines', (on) => { this.#show.lines = on; }),
      check('edges', 'Edges of cells when close', (on) => { this.#show.edges = on; }));
    d.display = make('details', { class: 'display' }, make('summary', {}, 'Display'), d.panel);
    d.controls = make('div', { class: 'controls' }, labelled('Variable', d.variable, 'grow'), d.dims, make('span', { class: 'spacer' }), d.display);
    d.error = make('p', { class: 'error', role: 'alert', hidden: true });
    d.base = make('canvas', { class: 'base', 'aria-hidden': 'true' });
    d.over = make('canvas', { class: 'over', tabindex: 0, role: 'application' });
    const button = (sign, label, act) => make('button', { type: 'button', 'aria-label': label, title: label, onclick: act }, sign);
    d.tools = make('div', { class: 'tools' }, button('+', 'Zoom in', () => this.#zoom(1.6)), button('−', 'Zoom out', () => this.#zoom(1 / 1.6)), button('⤢', 'Show everything', () => this.reset()));
    d.busy = make('div', { class: 'busy', role: 'status', hidden: true });
    d.stage = make('div', { class: 'stage' }, d.base, d.over, d.tools, d.busy);
    d.readout = make('output', { class: 'readout', 'aria-live': 'off' });
    d.spoken = make('div', { class: 'hidden-text', 'aria-live': 'polite' });
    d.legend = make('div', { class: 'legend', role: 'group', 'aria-label': 'Colours' });
    d.note = make('p', { class: 'note', hidden: true });
    d.below = make('div', { class: 'below' }, d.readout, d.legend);
    root.append(d.error, d.controls, d.stage, d.below, d.note, d.spoken);
    this.#listen();
  }

  #zoom(factor, x, y) {
    this.view.zoom(factor, x, y);
    this.#changedView(true);
  }

  #listen() {
    const { over, display } = this.#dom;
    gestures(over, this.view, {
      moved: () => this.#changedView(true),
      reset: () => this.reset(),
      hover: (at, event, pressed) => { if (!pressed) this.#hovered(this.#pick(...at)); },
      left: () => this.#hovered(null),
      tap: (at) => this.#hovered(this.#pick(...at)),
      walk: (dx, dy) => this.#walk(dx, dy),
      key: (event) => {
        if (event.key !== 'Escape' || !this.#cursor) return false;
        this.#cursor = null;
        this.#read(null);
        this.#drawOver();
        return true;
      },
    });
    over.addEventListener('dblclick', (event) => { event.preventDefault(); this.reset(); });
    document.addEventListener('pointerdown', (event) => { if (display.open && !event.composedPath().includes(display)) display.open = false; });
    this.shadowRoot.addEventListener('keydown', (event) => { if (event.key === 'Escape' && display.open) { display.open = false; display.querySelector('summary').focus(); } });
  }

  #hovered(cell) {
    if (this.#cursor && !cell) return;
    if (cell) this.#cursor = null;
    if (cell?.i === this.#hover?.i && cell?.j === this.#hover?.j) return;
    this.#hover = cell;
    this.#read(cell);
    this.#drawOver();
  }

  /** Moves the cell cursor by one cell. */
  #walk(dx, dy) {
    const r = this.view.rect, next = this.#cursor && beside(this.#grid, this.#variable, this.#cursor, dx, dy);
    this.#cursor = next ? this.#cell(next.i, next.j) : this.#hover ?? this.#pick(r.x + r.w / 2, r.y + r.h / 2);
    if (!this.#cursor) return;
    if (this.view.reveal(...this.#grid.center(this.#cursor.i, this.#cursor.j))) this.#changedView();
    this.#read(this.#cursor, true);
    this.#drawOver();
  }
}

customElements.define('climsim-map', ClimsimMap);
