/** Gestures on a map: the wheel and two fingers zoom, a drag pans unless a tool takes it, keys do all of it too. */

/** Pixels that a hand may tremble: a shorter drag is a tap. */
const TREMOR = 4;
/** Pixels that an arrow key pans. */
const PAN = 60;

/** Where a pointer event is on an element, in CSS pixels. */
export function position(element, event) {
  const box = element.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

/**
 * Moves a view by hand.
 *
 * @param {HTMLElement} over takes pointers and has the focus for keys
 * @param {import('./view.js').View} view
 * @param {object} on what the map does:
 *   `moved()` after every change of the view; `reset()` to show everything;
 *   `hover(at, event, pressed)` and `left()` where the pointer is, `at` being `[x, y]` on the element;
 *   `tap(at)` pressed and let go at one place;
 *   `walk(dx, dy)` one cell further, by Shift and an arrow;
 *   `grab(at, event)` may give a tool, `{ move(at, event), up(at, event), cancel() }`, which takes the drag that begins;
 *   `key(event)` is true when it has used another key
 */
export function gestures(over, view, on) {
  const pointers = new Map();
  let dragged = false, spread = 0, held = null;
  const apart = () => { const [a, b] = [...pointers.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
  const zoom = (factor, ...at) => { view.zoom(factor, ...at); on.moved(); };
  const letGo = (how, ...said) => { const tool = held; held = null; tool?.[how](...said); };

  over.addEventListener('wheel', (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 18 : event.deltaMode === 2 ? 300 : 1;
    zoom(Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) * .0025), ...position(over, event));
  }, { passive: false });
  // One finger may scroll the page over a map that is not zoomed in; two are always for the map.
  over.addEventListener('touchstart', (event) => { if (event.touches.length > 1) event.preventDefault(); }, { passive: false });

  over.addEventListener('pointerdown', (event) => {
    // The middle button pans whatever the tool.
    if (event.button > 1) return;
    if (event.button === 1) event.preventDefault();
    over.setPointerCapture(event.pointerId);
    const at = position(over, event);
    pointers.set(event.pointerId, at);
    dragged = false;
    spread = pointers.size > 1 ? apart() : 0;
    // A second finger makes a gesture of what began with the first.
    if (pointers.size > 1) letGo('cancel');
    else if (event.button === 0) held = on.grab?.(at, event) ?? null;
  });
  over.addEventListener('pointermove', (event) => {
    const at = position(over, event), before = pointers.get(event.pointerId);
    on.hover(at, event, Boolean(before));
    if (!before) return;
    if (held) {
      pointers.set(event.pointerId, at);
      held.move(at, event);
      return;
    }
    const [dx, dy] = [at[0] - before[0], at[1] - before[1]];
    if (!dragged && pointers.size === 1 && Math.hypot(dx, dy) < TREMOR) return;
    dragged = true;
    pointers.set(event.pointerId, at);
    over.classList.add('dragging');
    if (pointers.size === 1) view.pan(dx, dy);
    else {
      const [a, b] = [...pointers.values()], now = apart();
      view.pan(dx / 2, dy / 2);
      if (spread) view.zoom(now / spread, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
      spread = now;
    }
    on.moved();
  });
  const end = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    const up = event.type === 'pointerup';
    spread = 0;
    over.classList.remove('dragging');
    if (!up) letGo('cancel');
    else if (held) letGo('up', position(over, event), event);
    else if (!dragged) on.tap(position(over, event));
  };
  over.addEventListener('pointerup', end);
  over.addEventListener('pointercancel', end);
  over.addEventListener('pointerleave', (event) => { if (event.pointerType === 'mouse' && !pointers.size) on.left(); });
  over.addEventListener('contextmenu', (event) => { if (held) event.preventDefault(); });

  over.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (arrow && event.shiftKey) on.walk(...arrow);
    else if (arrow) { view.pan(-arrow[0] * PAN, -arrow[1] * PAN); on.moved(); }
    else if (event.key === '+' || event.key === '=') zoom(1.4);
    else if (event.key === '-' || event.key === '_') zoom(1 / 1.4);
    else if (event.key === '0' || event.key === 'Home') on.reset();
    else if (!on.key?.(event)) return;
    event.preventDefault();
    event.stopPropagation();
  });
}
