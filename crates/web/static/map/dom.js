/** Elements, and small words. */

/** An element with attributes and children; `on...` become listeners, `class` and data attributes as in HTML. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A labelled form control. */
export const labelled = (text, control, kind = '') => make('label', { class: `control ${kind}` }, make('span', {}, text), control);

/** A check box with its words. */
export const check = (text, checked, change) => make('label', { class: 'check' }, make('input', { type: 'checkbox', checked, onchange: (event) => change(event.target.checked) }), make('span', {}, text));

/** Options of a select: `[[value, text], ...]`. */
export const options = (list) => list.map(([value, text]) => make('option', { value }, text));

/** `1 cell`, `12,345 cells`. */
export const count = (n, one, several = `${one}s`) => `${n.toLocaleString('en')} ${n === 1 ? one : several}`;

/** How long ago, in words. */
export function ago(time, now = Date.now()) {
  const seconds = Math.max(0, (now - new Date(time).getTime()) / 1000);
  if (seconds < 60) return 'just now';
  if (seconds < 3600) return count(Math.floor(seconds / 60), 'minute') + ' ago';
  if (seconds < 86400) return count(Math.floor(seconds / 3600), 'hour') + ' ago';
  return new Date(time).toLocaleDateString('en', { day: 'numeric', month: 'short', year: 'numeric' });
}
