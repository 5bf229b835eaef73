/** Saving: a description, and leaving only after the server has confirmed the new revision. */

import { count, make } from '../map/dom.js';

export class SaveDialog {
  #sending = false;

  constructor(editor) {
    this.editor = editor;
    const d = this.dom = {
      text: make('textarea', { id: 'description', rows: 4, maxlength: 2000, placeholder: 'What was changed, and why: for you and others, later' }),
      summary: make('p', { class: 'quiet' }),
      error: make('p', { class: 'error', role: 'alert', hidden: true }),
      save: make('button', { class: 'primary', 'data-do': 'confirm-save' }, 'Save'),
      cancel: make('button', { type: 'button', onclick: () => this.element.close() }, 'Keep editing'),
    };
    this.element = make('dialog', { class: 'sheet', 'aria-labelledby': 'save-title' }, make('form', { class: 'stack', method: 'dialog', onsubmit: (event) => { event.preventDefault(); this.#save(); } },
      make('h2', { id: 'save-title' }, 'Save as a new revision'), d.summary, make('div', { class: 'field' }, make('label', { for: 'description' }, 'Description'), d.text), d.error, make('div', { class: 'actions end' }, d.cancel, d.save)));
    this.element.addEventListener('cancel', (event) => { if (this.#sending) event.preventDefault(); });
    d.text.addEventListener('keydown', (event) => { if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.#save(); } });
  }

  open() {
    const { editor, dom: d } = this;
    if (this.element.open) return;
    const n = editor.active;
    const step = editor.config.step;
    d.summary.textContent = `${n ? count(n, 'change') : 'No changes'} on revision ${editor.about.revision}. ${step ? 'The step is then done, and what depends on it is computed again.' : 'The stored revisions stay as they are.'}`;
    d.error.hidden = true;
    d.save.hidden = false;
    d.save.textContent = 'Save';
    this.element.showModal();
    d.text.focus();
  }

  async #save() {
    const { editor, dom: d } = this;
    if (this.#sending || d.save.hidden) return;
    this.#sending = true;
    d.save.disabled = d.cancel.disabled = true;
    d.save.textContent = 'Saving …';
    d.error.hidden = true;
    try {
      const answer = await editor.link.change({ type: 'save', description: d.text.value.trim(), sequence: editor.sequence });
      editor.closed = true;
      editor.link.close();
      location.assign(answer.redirect ?? editor.config.redirect);
    } catch (error) {
      d.error.hidden = false;
      d.error.textContent = error.code === 'conflict' ? `${error.message} Look at the map again, then save.` : error.message;
      // Perhaps by this very click, whose answer was lost: there is nothing to try again.
      d.save.hidden = error.code === 'saved';
      if (d.save.hidden) d.error.append(' ', make('a', { href: editor.config.redirect }, 'To the steps'));
      d.save.textContent = 'Save';
      d.save.disabled = d.cancel.disabled = false;
      this.#sending = false;
    }
  }
}
