/** Small pictures of what buttons do. */

/** Drawn with the current text colour, 20 x 20. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  for (const [key, value] of Object.entries({ viewBox: '0 0 20 20', width: 20, height: 20, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.6, 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true' })) svg.setAttribute(key, value);
  for (const d of [ICONS[name] ?? []].flat()) {
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}

const ICONS = {
  move: ['M10 2v16M2 10h16', 'M7.5 4.5 10 2l2.5 2.5M7.5 15.5 10 18l2.5-2.5M4.5 7.5 2 10l2.5 2.5M15.5 7.5 18 10l-2.5 2.5'],
  box: ['M3.5 4.5h13v11h-13z'],
  lasso: ['M10 3.5c4.2 0 7 2 7 4.7s-2.8 4.7-7 4.7-7-2-7-4.7 2.8-4.7 7-4.7z', 'M5.5 11.7c-1.3 1-1.3 2.6 0 2.9 1.5.3 1.8 1.5.6 2.4'],
  cells: ['M3 3h14v14H3zM7.7 3v14M12.3 3v14M3 7.7h14M3 12.3h14', 'M8.2 8.2h3.6v3.6H8.2z'],
  line: ['M3 16 8 9l4 3 5-8'],
  replace: ['M4 4h12v12H4z'],
  add: ['M3 3h9v9H3z', 'M8 8h9v9H8z', 'M12.5 10.5v4M10.5 12.5h4'],
  subtract: ['M3 3h9v9H3z', 'M8 8h9v9H8z', 'M10.5 12.5h4'],
  intersect: ['M3 3h9v9H3z', 'M8 8h9v9H8z', 'M8.5 11.5l3-3M9.5 12h2.5V9.5'],
  invert: ['M3.5 3.5h13v13h-13z', 'M4 4.5 15.5 16M4 9l7 7M4 13.5l2.5 2.5'],
  deselect: ['M5 5l10 10M15 5 5 15'],
  in: ['M10 5v10M5 10h10'],
  out: ['M5 10h10'],
  all: ['M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4'],
  find: ['M8.5 14a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM12.5 12.5 17 17'],
  grow: ['M11.5 3.5h5v5M16.5 3.5l-6 6M8.5 16.5h-5v-5M3.5 16.5l6-6'],
  undo: ['M7 4 3.5 7.5 7 11', 'M3.5 7.5H12a4.2 4.2 0 0 1 0 8.5H8'],
  redo: ['M13 4l3.5 3.5L13 11', 'M16.5 7.5H8a4.2 4.2 0 0 0 0 8.5h4'],
};
