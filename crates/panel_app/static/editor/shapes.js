/** What is drawn, as the server's selections: in degrees where the map is drawn by them, else in columns and rows. */

const round = (v) => Number(v.toFixed(6));

export class Shapes {
  constructor(editor) { this.editor = editor; }

  get #geographic() { return this.editor.grid.geographic; }

  box(x0, x1, y0, y1) {
    const [x, y] = [[round(x0), round(x1)], [round(y0), round(y1)]];
    if (!this.#geographic) return { index_box: { columns: x, rows: y } };
    // More than a turn is all the way round.
    return { box: { lon: x1 - x0 >= 360 ? [-180, 180] : x, lat: [Math.max(-90, y[0]), Math.min(90, y[1])] } };
  }

  /** From one cell to another. */
  cellBox(a, b) {
    return { index_box: { columns: [Math.min(a.i, b.i), Math.max(a.i, b.i)], rows: [Math.min(a.j, b.j), Math.max(a.j, b.j)] } };
  }

  lasso(points) { return { lasso: { [this.#geographic ? 'lon_lat' : 'column_row']: points.map(([x, y]) => [round(x), round(y)]) } }; }

  line(points) { return { [this.#geographic ? 'lon_lat' : 'column_row']: points.map(([x, y]) => [round(x), round(y)]) }; }

  /** `[[i, j], ...]` */
  cells(list) { return { cells: list.map(([i, j]) => ({ row: j, column: i })) }; }

  range(from, to) { return { range: { of: 'value', from, to } }; }

  /** A shape combined with what is selected. */
  combine(before, shape, mode) {
    if (!before || mode === 'replace') return mode === 'subtract' || (mode === 'intersect' && !before) ? null : shape;
    if (mode === 'subtract') return { difference: [before, shape] };
    const kind = mode === 'add' ? 'union' : 'intersection';
    if (kind === 'union' && before.cells && shape.cells) return { cells: [...before.cells, ...shape.cells] };
    if (!before[kind]) return { [kind]: [before, shape] };
    const parts = [...before[kind]];
    // Stroke after stroke of single cells stays one list.
    if (kind === 'union' && shape.cells && parts.at(-1).cells) parts.push({ cells: [...parts.pop().cells, ...shape.cells] });
    else parts.push(shape);
    return { [kind]: parts };
  }
}
