/**
 * Says so when a script of the editor does not arrive or does not start; else the page would say "Opening the map" for ever.
 *
 * Not a module: what it watches over is the modules.
 */
addEventListener('error', () => {
  const tell = () => {
    const opening = document.querySelector('[data-work] > [data-opening]');
    if (!opening) return;
    const again = document.createElement('button');
    again.type = 'button';
    again.className = 'primary';
    again.textContent = 'Try again';
    again.addEventListener('click', () => location.reload());
    const words = document.createElement('p');
    words.textContent = 'A part of the editor did not arrive, and the map cannot be opened. Everything that was done on it is kept.';
    const note = document.createElement('div');
    note.className = 'note danger';
    note.setAttribute('role', 'alert');
    note.append(words, again);
    opening.replaceWith(note);
  };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', tell);
  else tell();
}, true);
