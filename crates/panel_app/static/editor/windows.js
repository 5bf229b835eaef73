/**
 * Fetches what of a map is looked at.
 *
 * A map of a moderate size is fetched whole, in bands of rows behind the overview; of a huge one, windows of 512 x 512
 * cells at the level of the view. What changes while a window is under way is applied to it when it has come.
 */

const WHOLE = 2 ** 22;
/** The server sends at most this many cells at once. */
const AT_ONCE = 2 ** 20;
const TILE = 512, KEPT = 64, RUNNING = 3;

export class Windows {
  #link;
  #plane;
  #query;
  #changed;
  #coming = new Set();
  #wanted = [];
  #recent = [];
  #generation = 0;
  #order = [];

  /** @param {() => void} changed is called when something has come */
  constructor(link, plane, query, changed) {
    this.#link = link;
    this.#plane = plane;
    this.#query = query;
    this.#changed = changed;
  }

  get huge() { return this.#plane.rows * this.#plane.columns > WHOLE; }

  /** The overview has come: what was known before is out of date. */
  async restart(overview) {
    const generation = ++this.#generation, plane = this.#plane, { rows, columns } = plane;
    this.#coming.clear();
    this.#wanted = [];
    this.#recent = [];
    plane.layers = [];
    plane.put(overview);
    this.#changed();
    if (overview.level === 0 || this.huge) return;
    const values = new Float32Array(rows * columns), band = Math.floor(AT_ONCE / columns);
    for (let j = 0; j < rows; j += band) {
      const part = await this.#fetch(0, [0, j, columns, Math.min(band, rows - j)]);
      if (!part || generation !== this.#generation) return;
      values.set(part.values, j * columns);
      for (const change of this.#recent) if (change.sequence > part.sequence) write(values, change, j * columns, part.values.length);
    }
    this.#recent = [];
    plane.put({ level: 0, i: 0, j: 0, ni: columns, nj: rows, values });
    this.#changed();
  }

  /** Asks for the windows that a view of a huge map shows. */
  cover({ level, i0, j0, i1, j1 }) {
    const plane = this.#plane, overview = plane.layers[0];
    if (!this.huge || !overview || level >= overview.level) return;
    const cells = 2 ** level, ni = Math.ceil(plane.columns / cells), nj = Math.ceil(plane.rows / cells);
    this.#wanted = [];
    for (let tj = (j0 >> level) / TILE | 0; tj * TILE <= (j1 >> level); tj++) {
      for (let ti = (i0 >> level) / TILE | 0; ti * TILE <= (i1 >> level); ti++) {
        const window = [ti * TILE, tj * TILE, Math.min(TILE, ni - ti * TILE), Math.min(TILE, nj - tj * TILE)];
        const name = `${level}/${ti}/${tj}`;
        const here = plane.layers.some((l) => l.level === level && l.i === window[0] && l.j === window[1] && !l.stale);
        if (!here && !this.#coming.has(name)) this.#wanted.push({ name, level, window });
      }
    }
    this.#next();
  }

  /** Changed cells, in the order of the file. */
  patch(sequence, cells, values) {
    const plane = this.#plane;
    plane.patch(cells, values);
    if (!plane.whole) {
      this.#recent.push({ sequence, cells, values });
      for (const layer of plane.layers) if (layer.level > 0) layer.stale = true;
    }
  }

  async #next() {
    while (this.#coming.size < RUNNING && this.#wanted.length) {
      const { name, level, window } = this.#wanted.shift(), generation = this.#generation;
      this.#coming.add(name);
      this.#fetch(level, window).then((part) => {
        if (generation !== this.#generation) return;
        this.#coming.delete(name);
        if (part) this.#applyState(level, window, part);
        this.#next();
      });
    }
  }

  #applyState(level, [i, j, ni, nj], { values, sequence }) {
    const plane = this.#plane;
    plane.put({ level, i, j, ni, nj, values });
    for (const change of this.#recent) if (level === 0 && change.sequence > sequence) plane.patch(change.cells, change.values);
    this.#order.push(plane.layers.find((l) => l.level === level && l.i === i && l.j === j));
    while (this.#order.length > KEPT) {
      const old = this.#order.shift();
      plane.layers = plane.layers.filter((layer) => layer !== old);
    }
    this.#changed();
  }

  async #fetch(level, window) {
    try {
      const { header, planes } = await this.#link.ask({ type: 'view', ...this.#query(), level, window });
      return { values: planes[0].values, sequence: header.sequence };
    } catch { return null; }
  }
}

function write(values, { cells, values: from }, start, length) {
  for (let k = 0; k < cells.length; k++) if (cells[k] >= start && cells[k] < start + length) values[cells[k]] = from[k];
}
