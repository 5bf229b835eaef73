/** What was done: all actions with a picture of where, reverting, snapshots, recipes, the list of the last save. */

import { hexWord } from '../map/colors.js';
import { ago, count, make } from '../map/dom.js';

const [WIDE, HIGH] = [64, 32];

export class HistoryPanel {
  name = 'history';
  title = 'History';

  constructor(editor) {
    this.editor = editor;
    this.list = make('ol', { class: 'history' });
    this.snapshots = make('ul', { class: 'items' });
    this.snapshotName = make('input', { type: 'text', maxlength: 100, placeholder: 'before the isthmus', 'aria-label': 'Name of the snapshot' });
    this.keep = make('button', { 'data-do': 'snapshot' }, 'Keep');
    this.previous = make('button', { type: 'button', 'data-do': 'previous', hidden: true, onclick: () => this.#previous() }, '');
    this.over = make('button', { type: 'button', 'data-do': 'restart', onclick: () => this.#restart() }, 'Start over');
    this.file = make('input', { type: 'file', accept: '.json,application/json', class: 'unseen', tabindex: -1, 'aria-hidden': 'true', onchange: () => this.#import() });
    this.importer = make('button', { type: 'button', 'data-do': 'import', onclick: () => this.file.click() }, 'Apply a recipe …');
    this.element = make('div', {}, make('h3', {}, 'Changes'), this.list, make('div', { class: 'actions' }, this.previous, this.over),
      make('h3', {}, 'Snapshots'), make('form', { class: 'value', onsubmit: (event) => { event.preventDefault(); this.#snapshot(); } }, this.snapshotName, this.keep), this.snapshots,
      make('h3', {}, 'Recipe'), make('p', { class: 'quiet' }, 'All changes as a file, by longitude and latitude, to be applied to another topography or grid.'),
      make('div', { class: 'actions' }, make('a', { class: 'button', href: editor.config.recipe, download: '', 'data-do': 'export' }, 'Download'), this.importer, this.file));
  }

  opened() {
    const { previous } = this.editor.about;
    this.previous.hidden = !previous?.actions;
    if (previous?.actions) this.previous.textContent = `Apply the ${count(previous.actions, 'change')} of the last save`;
    this.#show();
  }

  viewed() { this.#show(); }
  shown() { this.#show(); }
  changed() { this.#show(); }

  enable(can) {
    this.can = can;
    for (const button of [this.keep, this.previous, this.importer]) button.disabled = !can;
    this.over.disabled = !can || !this.editor.can_undo;
    for (const button of this.element.querySelectorAll('[data-revert], [data-restore]')) button.disabled = !can;
  }

  #show() {
    const { editor } = this;
    if (this.element.hidden || !editor.about) return;
    const actions = editor.changes.sort((a, b) => b.number - a.number);
    this.picture = null;
    this.list.replaceChildren(...actions.map((action) => this.#row(action)));
    if (!actions.length) this.list.append(make('li', { class: 'quiet' }, 'Nothing has been changed yet.'));
    this.snapshots.replaceChildren(...editor.snapshots.map((snapshot) => make('li', {}, make('span', {}, make('strong', {}, snapshot.name), make('span', { class: 'quiet' }, ` ${count(snapshot.actions, 'change')}, ${ago(utc(snapshot.created))}`)),
      make('button', { type: 'button', class: 'small', 'data-restore': snapshot.sequence, disabled: !this.can, onclick: () => this.#restore(snapshot) }, 'Restore'))));
  }

  #row(action) {
    const { editor } = this, { number, label, cells, bounds, status, created } = action;
    const words = { undone: 'undone', reverted: 'taken out' }[status];
    const see = make('button', { type: 'button', class: 'thumb', 'aria-label': `Show where: ${label}`, disabled: !bounds, onclick: () => editor.jump(bounds) }, this.#thumbnail(action));
    const note = action.action?.note;
    return make('li', { class: status, 'data-action': number }, see, make('div', {}, make('strong', {}, label), note ? make('span', {}, note) : null,
      make('span', { class: 'quiet' }, `${cells === null ? '' : `${count(cells, 'cell')}, `}${ago(utc(created))}${words ? ` · ${words}` : ''}`)),
    status === 'undone' ? '' : make('button', { type: 'button', class: 'small', 'data-revert': number, disabled: !this.can, 'aria-label': `${status === 'reverted' ? 'Put in again' : 'Take out'}: ${label}`, onclick: () => this.#revert(action) }, status === 'reverted' ? 'Put in' : 'Take out'));
  }

  /** The map, small and pale, with the changed cells. */
  #thumbnail({ thumbnail }) {
    const canvas = make('canvas', { width: WIDE, height: HIGH, 'aria-hidden': 'true' });
    this.picture ??= this.#overview();
    const words = this.picture.slice();
    if (thumbnail) {
      const bits = Uint8Array.from(atob(thumbnail), (c) => c.charCodeAt(0)), mark = hexWord('#e4572e');
      for (let y = 0; y < HIGH; y++) for (let x = 0; x < WIDE; x++) {
        const k = y * WIDE + x, row = this.upwards ? HIGH - 1 - y : y;
        if (!(bits[k >> 3] >> (k & 7) & 1)) continue;
        // A pixel to each side, so that a single one is seen.
        for (let dy = -1; dy < 2; dy++) for (let dx = -1; dx < 2; dx++) {
          if (row + dy >= 0 && row + dy < HIGH && x + dx >= 0 && x + dx < WIDE) words[(row + dy) * WIDE + x + dx] = mark;
        }
      }
    }
    canvas.getContext('2d').putImageData(new ImageData(new Uint8ClampedArray(words.buffer), WIDE, HIGH), 0, 0);
    return canvas;
  }

  #overview() {
    const { editor } = this, layer = editor.values.plane.layers[0], words = new Uint32Array(WIDE * HIGH);
    // North is up, whichever way the rows run.
    const { grid, rows } = editor;
    this.upwards = grid.center(0, 0)[1] < grid.center(0, rows - 1)[1];
    if (!layer) return words;
    for (let y = 0; y < HIGH; y++) for (let x = 0; x < WIDE; x++) {
      const i = Math.min(layer.ni - 1, (x + .5) * layer.ni / WIDE | 0), j = Math.min(layer.nj - 1, (y + .5) * layer.nj / HIGH | 0);
      words[(this.upwards ? HIGH - 1 - y : y) * WIDE + x] = pale(layer.words[j * layer.ni + i], editor.dark);
    }
    return words;
  }

  async #revert({ number, label, status }) {
    const answer = await this.editor.change({ type: 'revert', number });
    if (answer) this.editor.say(`${status === 'reverted' ? 'Put in again' : 'Taken out'}: ${label}.`);
  }

  async #snapshot() {
    const name = this.snapshotName.value.trim();
    if (!name || !this.can) { this.snapshotName.focus(); return; }
    const answer = await this.editor.change({ type: 'snapshot', name });
    if (!answer) return;
    this.snapshotName.value = '';
    this.editor.say(`Snapshot “${name}” is kept.`);
  }

  async #restore({ sequence, name }) {
    const answer = await this.editor.change({ type: 'restore', sequence });
    if (answer) this.editor.say(`Restored “${name}”.`);
  }

  async #restart() {
    const answer = await this.editor.change({ type: 'restore', sequence: 0 });
    if (answer) this.editor.say('The map is as it was; what you did is kept as a snapshot.');
  }

  async #previous() {
    const answer = await this.editor.change({ type: 'previous' });
    if (answer) this.editor.report('Changes of the last save', answer.header.report);
  }

  async #import() {
    const [file] = this.file.files;
    this.file.value = '';
    if (!file) return;
    let recipe;
    try { recipe = JSON.parse(await file.text()); } catch {
      return this.editor.showError(new Error(`${file.name} is not a recipe: it cannot be read as JSON.`));
    }
    const answer = await this.editor.change({ type: 'import', recipe });
    if (answer) this.editor.report(`Recipe ${file.name}`, answer.header.report);
  }
}

/** A colour that does not compete with the changed cells. */
const pale = (word, dark) => (0xff000000 | (word >>> 2 & 0x3f3f3f) + (dark ? 0x1c1c1c : 0xb4b4b4)) >>> 0;

/** Times of the server are UTC. */
const utc = (text) => /Z|[+-]\d\d:?\d\d$/.test(text) ? text : `${text.replace(' ', 'T')}Z`;
