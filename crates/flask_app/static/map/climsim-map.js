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
 * | `at` | positions along the leading dimensions, `0,3` | all 0 |
 * | `map` | a colour map (`relief depth viridis magma cividis greens heat rain diverging grey`) | by the kind of variable |
 * | `limits` | `full`, `robust`, or two numbers `-500,500` | `full`, or `robust` where a few values are far out |
 * | `projection` | `index` draws cells by number | longitude and latitude where known |
 * | `label` | what the map shows, for screen readers | the variable |
 * | `controls` | `none` leaves the map, the colour bar and the readout | all |
 *
 * The element keeps `variable` and `at` up to date, so that a page can read what is shown. Its height is that of the
 * world at its width, up to `--map-height` (in pixels; 72 % of the window).
 *
 * Keys, when the map has the focus: arrows pan, `+` `-` zoom, `0` or Home shows everything, Shift+arrows walk from cell
 * to cell and read out each, Escape ends that.
 *
 * ## For an editor
 *
 * - Layers: `map.addLayer({ draw(context, map) })` draws over the map on every change of the view, in CSS pixels;
 *   `map.view.toScreen(lon, lat)` places things; `map.outlineOf(i, j)` is a cell as screen points. Returns a function
 *   that removes the layer; `map.redrawLayers()` draws them anew.
 * - Selection: `map.tool = { down(cell, event), move(cell, event), up(cell, event) }` receives drags instead of panning
 *   (`down` may return false to let it pan); `map.pick(event)` gives `{ i, j, lon, lat, value }` at once, from the pixels
 *   drawn, on every grid; `map.cellsIn(test)` lists the cells (`j * columns + i`) of the visible pixels that pass
 *   `test(x, y)` in CSS pixels, which is a lasso.
 * - Values: `map.patch([[i, j, value], ...])` replaces cells that are shown and draws again.
 * - Events: `ready`, `view`, `hover` (detail: a cell or null), `cell` (a click), `change` (another variable or position).
 *
 * Invariant: values are never computed here beyond choosing colours; what the readout calls exact is what the server
 * read from the file.
 */

import { axes } from './axes.js';
import { STYLE_MAPS, codeColor, colorMaps, css, scale } from './colors.js';
import { MeshGrid, RegularGrid } from './grid.js';
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

/** An element with attributes and children; `on...` become listeners. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

const labelled = (text, control, kind = '') => make('label', { class: `control ${kind}` }, make('span', {}, text), control);
const option = ([value, text]) => make('option', { value }, text);

export class ClimsimMap extends HTMLElement {
  static observedAttributes = ['src', 'variable', 'at', 'label'];

  #internals = this.attachInternals();
  #dom = {};
  #layers = new Set();
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
  #own = false;
  #where = null;
  #seen = null;

  /** Where the map looks. */
  view = new View();
  /** Values, overview and tiles. */
  source = null;
  /** Takes drags, see above. */
  tool = null;

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [styles];
    this.#build(root);
  }

  connectedCallback() {
    this.#projection = this.getAttribute('projection') === 'index' ? 'index' : 'geographic';
    this.#dom.controls.hidden = this.getAttribute('controls') === 'none';
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

  attributeChangedCallback(name, before, after) {
    if (!this.resized || this.#own || before === after) return;
    if (name === 'src') this.#start();
    else if (name === 'label') this.#describeCanvas();
    else if (this.#description) this.#choose(this.getAttribute('variable') ?? this.#variable.name, this.getAttribute('at'));
  }

  // ---- what others use ----

  /** Draws something over the map. Returns a function that removes it. */
  addLayer(layer) {
    this.#layers.add(layer);
    this.redrawLayers();
    return () => { this.#layers.delete(layer); this.redrawLayers(); };
  }

  /** The cell under a pointer event (or `{x, y}` in CSS pixels of the canvas); null outside. */
  pick(event) {
    const f = this.#frame, place = this.#place;
    if (!f || !place) return null;
    const [x, y] = event.clientX === undefined ? [event.x, event.y] : this.#position(event);
    const px = Math.floor((x - place.x) * f.w / place.w), py = Math.floor((y - place.y) * f.h / place.h);
    if (px < 0 || py < 0 || px >= f.w || py >= f.h) return null;
    const cell = f.cell(py * f.w + px);
    return cell < 0 ? null : this.#cell(cell % f.ni, Math.floor(cell / f.ni), f.values[py * f.w + px]);
  }

  /** The cells of the pixels that pass a test, as a set of `j * columns + i`. */
  cellsIn(test) {
    const f = this.#frame, place = this.#place, cells = new Set();
    for (let p = 0; f && p < f.w * f.h; p++) {
      if (!test(place.x + (p % f.w + .5) * place.w / f.w, place.y + (Math.floor(p / f.w) + .5) * place.h / f.h)) continue;
      const cell = f.cell(p);
      if (cell >= 0) cells.add(cell);
    }
    return cells;
  }

  /** The corners of a cell on the screen, nearest to the middle of the view. */
  outlineOf(i, j) {
    return this.#grid?.outline(i, j, this.view.cx)?.map(([x, y]) => this.view.toScreen(x, y)) ?? null;
  }

  /** Replaces values of cells, and draws them. */
  patch(changes) {
    for (const tile of [this.source.overview, ...this.source.tiles.values()]) {
      if (!tile?.values) continue;
      for (const [i, j, value] of changes) {
        const x = (i >> tile.level) - tile.i, y = (j >> tile.level) - tile.j;
        if (x >= 0 && y >= 0 && x < tile.ni && y < tile.nj) tile.values[y * tile.ni + x] = value;
      }
    }
    this.#redraw();
  }

  /** Draws the layers anew, and nothing else. */
  redrawLayers() {
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
    for (const layer of this.#layers) { context.save(); layer.draw(context, this); context.restore(); }
    const cell = this.#cursor ?? this.#hover;
    const outline = cell && this.outlineOf(cell.i, cell.j);
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
    this.#trouble(null);
    this.#busy('Loading');
    this.#describeCanvas();
    this.#where = addresses(src, document.baseURI);
    const variable = this.getAttribute('variable'), at = this.getAttribute('at');
    // Description and values at once: the server chooses the same variable and level that the description names.
    const early = get(this.#where.field({ variable: variable ?? '', at: at ?? '' })).then((r) => r.arrayBuffer());
    early.catch(() => {});
    try {
      const description = await get(this.#where.json).then((r) => r.json());
      if (mine !== this.#loading) return;
      this.#description = description;
      this.#grids.clear();
      this.#dom.variable.replaceChildren(...description.variables.map((v) => option([v.name, v.long_name && v.long_name.toLowerCase() !== v.name.toLowerCase() ? `${v.name} – ${v.long_name}` : v.name])));
      await this.#choose(variable ?? description.default, at, early);
    } catch (error) {
      if (mine === this.#loading) { this.#busy(null); this.#trouble(error); }
    }
  }

  async #choose(name, at, early = null) {
    const mine = ++this.#loading;
    const found = this.#description.variables.find((v) => v.name === name);
    if (!found) return this.#trouble(new Error(`This file has no variable '${name}' that can be drawn.`));
    const fresh = found !== this.#variable;
    const before = this.source;
    this.#variable = found;
    const given = (at ?? '').split(',').filter(Boolean).map(Number);
    this.#at = found.dimensions.map((d, k) => Math.min(d.length - 1, Math.max(0, given[k] || 0)));
    this.#mirror();
    const slow = setTimeout(() => this.#busy('Loading'), 150);
    try {
      const source = new Source(this.#where, found, this.#at);
      const [grid] = await Promise.all([this.#gridFor(found), source.load(early)]);
      if (mine !== this.#loading) return source.close();
      before?.close();
      source.addEventListener('tile', this.#redraw);
      source.addEventListener('trouble', (event) => this.#trouble(event.detail));
      const old = this.#grid;
      this.source = source;
      this.#cursor = this.#hover = null;
      this.#trouble(null);
      if (fresh) this.#newLook();
      this.#setLimits();
      if (!old || JSON.stringify(old.bounds) !== JSON.stringify(grid.bounds)) this.#useGrid(grid);
      else { this.#grid = grid; this.#redraw(); }
      this.#describe();
      this.dispatchEvent(new CustomEvent(before ? 'change' : 'ready', { detail: { variable: found.name, at: this.#at } }));
    } catch (error) {
      if (mine === this.#loading) this.#trouble(error);
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
    const v = this.#variable, wanted = this.getAttribute('map');
    this.#look.categorical = v.style === 'categorical';
    this.#look.map = wanted ?? (/veget|frac|pft|lai/i.test(v.name) && v.style === 'sequential' ? 'greens' : /heat|temp/i.test(v.name) && v.style === 'sequential' ? 'heat' : STYLE_MAPS[v.style]);
    this.#look.reversed = false;
    this.#limits = this.getAttribute('limits') ?? 'auto';
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
    this.dispatchEvent(new CustomEvent('view', { detail: this.view }));
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
    this.redrawLayers();
    if (!this.painted) this.painted = performance.now();
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
      this.sliding = setTimeout(() => this.#choose(this.#variable.name, this.#at.join(',')), 30);
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

  #trouble(error) {
    this.#dom.trouble.hidden = !error;
    this.#dom.trouble.textContent = error ? error.message : '';
    this.#dom.stage.hidden = Boolean(error) && !this.source;
    this.#dom.below.hidden = this.#dom.stage.hidden;
    this.#dom.controls.hidden = this.#dom.stage.hidden || this.getAttribute('controls') === 'none';
  }

  #busy(text) {
    this.#dom.busy.hidden = !text;
    this.#dom.busy.textContent = text ? `${text} …` : '';
  }

  #mirror() {
    this.#own = true;
    this.setAttribute('variable', this.#variable.name);
    if (this.#at.length) this.setAttribute('at', this.#at.join(','));
    else this.removeAttribute('at');
    this.#own = false;
  }

  // ---- hands ----

  #position(event) {
    const box = this.#dom.over.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #restyle() {
    this.#setLimits();
    this.#describe();
    this.#redraw();
  }

  #build(root) {
    const d = this.#dom;
    d.variable = make('select', { onchange: () => this.#choose(d.variable.value, null) });
    d.dims = make('div', { class: 'controls dims' });
    d.dims.style.display = 'contents';
    d.map = make('select', { onchange: () => { this.#look.map = d.map.value; this.#restyle(); } }, ...colorMaps().map(option));
    d.kind = make('select', { onchange: () => { this.#look.categorical = d.kind.value === 'codes'; this.#restyle(); } }, option(['values', 'Continuous']), option(['codes', 'Categories']));
    d.limits = make('select', { onchange: () => { this.#limits = d.limits.value === 'manual' ? `${this.#look.lo},${this.#look.hi}` : d.limits.value; this.#restyle(); } },
      option(['auto', 'Automatic']), option(['full', 'Smallest to largest']), option(['robust', 'Without extremes (2–98 %)']), option(['manual', 'By hand']));
    const byHand = () => {
      const [lo, hi] = [Number(d.lo.value), Number(d.hi.value)];
      if (Number.isFinite(lo) && Number.isFinite(hi) && hi > lo) { this.#limits = `${lo},${hi}`; this.#restyle(); }
    };
    d.lo = make('input', { type: 'number', step: 'any', onchange: byHand });
    d.hi = make('input', { type: 'number', step: 'any', onchange: byHand });
    d.manual = make('div', { class: 'pair', hidden: true }, labelled('From', d.lo), labelled('To', d.hi));
    d.steps = make('select', { onchange: () => { this.#look.steps = Number(d.steps.value); this.#restyle(); } }, option(['0', 'Smooth']), ...[6, 8, 10, 12, 16, 20].map((n) => option([String(n), `${n} bands`])));
    d.projection = make('select', { onchange: async () => {
      this.#projection = d.projection.value;
      try { this.#useGrid(await this.#gridFor(this.#variable)); this.#describe(); } catch (error) { this.#trouble(error); }
    } }, option(['geographic', 'Longitude and latitude']), option(['index', 'Cell numbers']));
    const check = (key, text, act) => make('label', { class: 'check' }, d[key] = make('input', { type: 'checkbox', checked: this.#show[key], onchange: () => { act(d[key].checked); this.#redraw(); } }), text);
    d.panel = make('div', { class: 'panel' }, labelled('Colours', d.map), make('div', { class: 'pair' }, labelled('Scale', d.kind), labelled('Steps', d.steps)),
      labelled('Limits', d.limits), d.manual, labelled('Draw by', d.projection),
      check('reversed', 'Reverse the colours', (on) => { this.#look.reversed = on; this.#legend(); }),
      check('coast', 'Line where the value is zero', (on) => { this.#show.coast = on; }),
      check('lines', 'Grid lines', (on) => { this.#show.lines = on; }),
      check('edges', 'Edges of cells when close', (on) => { this.#show.edges = on; }));
    d.display = make('details', { class: 'display' }, make('summary', {}, 'Display'), d.panel);
    d.controls = make('div', { class: 'controls' }, labelled('Variable', d.variable, 'grow'), d.dims, make('span', { class: 'spacer' }), d.display);
    d.trouble = make('p', { class: 'trouble', role: 'alert', hidden: true });
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
    root.append(d.trouble, d.controls, d.stage, d.below, d.note, d.spoken);
    this.#listen();
  }

  #zoom(factor, x, y) {
    this.view.zoom(factor, x, y);
    this.#changedView(true);
  }

  #listen() {
    const { over, display } = this.#dom, pointers = new Map();
    let dragged = false, spread = 0, held = null;
    /** How far apart two fingers are. */
    const apart = () => { const [a, b] = [...pointers.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
    over.addEventListener('wheel', (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 18 : event.deltaMode === 2 ? 300 : 1;
      this.#zoom(Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) * .0025), ...this.#position(event));
    }, { passive: false });
    // One finger may scroll the page over a map that is not zoomed in; two are always for the map.
    over.addEventListener('touchstart', (event) => { if (event.touches.length > 1) event.preventDefault(); }, { passive: false });
    over.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      over.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, this.#position(event));
      dragged = false;
      spread = pointers.size > 1 ? apart() : 0;
      held = pointers.size === 1 && this.tool && this.tool.down?.(this.pick(event), event) !== false ? this.tool : null;
    });
    over.addEventListener('pointermove', (event) => {
      const at = this.#position(event), before = pointers.get(event.pointerId);
      if (!before) return this.#hovered(this.pick(event));
      if (held && pointers.size === 1) { held.move?.(this.pick(event), event); pointers.set(event.pointerId, at); return; }
      const [dx, dy] = [at[0] - before[0], at[1] - before[1]];
      if (!dragged && pointers.size === 1 && Math.hypot(dx, dy) < 4) return;
      dragged = true;
      pointers.set(event.pointerId, at);
      over.classList.add('dragging');
      if (pointers.size === 1) this.view.pan(dx, dy);
      else {
        const [a, b] = [...pointers.values()];
        const now = apart();
        this.view.pan(dx / 2, dy / 2);
        if (spread) this.view.zoom(now / spread, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
        spread = now;
      }
      this.#changedView(true);
    });
    const end = (event) => {
      if (!pointers.delete(event.pointerId)) return;
      spread = 0;
      over.classList.remove('dragging');
      if (held) { held.up?.(event.type === 'pointerup' ? this.pick(event) : null, event); held = null; return; }
      if (!dragged && event.type === 'pointerup') {
        const cell = this.pick(event);
        this.#hovered(cell);
        if (cell) this.dispatchEvent(new CustomEvent('cell', { detail: cell }));
      }
    };
    over.addEventListener('pointerup', end);
    over.addEventListener('pointercancel', end);
    over.addEventListener('pointerleave', (event) => { if (event.pointerType === 'mouse' && !pointers.size) this.#hovered(null); });
    over.addEventListener('dblclick', (event) => { if (!this.tool) { event.preventDefault(); this.reset(); } });
    over.addEventListener('keydown', (event) => this.#key(event));
    document.addEventListener('pointerdown', (event) => { if (display.open && !event.composedPath().includes(display)) display.open = false; });
    this.shadowRoot.addEventListener('keydown', (event) => { if (event.key === 'Escape' && display.open) { display.open = false; display.querySelector('summary').focus(); } });
  }

  #hovered(cell) {
    if (this.#cursor && !cell) return;
    if (cell) this.#cursor = null;
    if (cell?.i === this.#hover?.i && cell?.j === this.#hover?.j) return;
    this.#hover = cell;
    this.#read(cell);
    this.redrawLayers();
    this.dispatchEvent(new CustomEvent('hover', { detail: cell }));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (arrow && event.shiftKey) this.#walk(...arrow);
    else if (arrow) { this.view.pan(-arrow[0] * 60, -arrow[1] * 60); this.#changedView(true); }
    else if (event.key === '+' || event.key === '=') this.#zoom(1.4);
    else if (event.key === '-' || event.key === '_') this.#zoom(1 / 1.4);
    else if (event.key === '0' || event.key === 'Home') this.reset();
    else if (event.key === 'Escape' && this.#cursor) { this.#cursor = null; this.#read(null); this.redrawLayers(); }
    else return;
    event.preventDefault();
  }

  /** Moves the cell cursor by one cell: by rows and columns of the file, up being north where rows run south. */
  #walk(dx, dy) {
    const v = this.#variable, r = this.view.rect;
    if (!this.#cursor) this.#cursor = this.#hover ?? this.pick({ x: r.x + r.w / 2, y: r.y + r.h / 2 });
    else {
      const sign = this.#grid.center(0, Math.min(1, v.rows - 1))[1] >= this.#grid.center(0, 0)[1] ? -1 : 1;
      let i = this.#cursor.i + dx;
      i = this.#grid.wraps ? (i + v.columns) % v.columns : Math.min(v.columns - 1, Math.max(0, i));
      this.#cursor = this.#cell(i, Math.min(v.rows - 1, Math.max(0, this.#cursor.j + dy * sign)));
    }
    if (!this.#cursor) return;
    const { cx, cy } = this.view, [x, y] = this.#grid.center(this.#cursor.i, this.#cursor.j);
    const [sx, sy] = this.view.toScreen(x, y);
    if (sx < r.x + 20 || sx > r.x + r.w - 20 || sy < r.y + 20 || sy > r.y + r.h - 20) {
      this.view.cx = Number.isFinite(x) ? x : cx;
      this.view.cy = Number.isFinite(y) ? y : cy;
      this.view.constrain();
      this.#changedView();
    }
    this.#read(this.#cursor, true);
    this.redrawLayers();
  }
}

customElements.define('climsim-map', ClimsimMap);
