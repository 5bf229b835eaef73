/**
 * The binary answers of the server (`CSF1`): a JSON header and planes of codes. The viewer's are described in the Rust
 * module `field`, the editor's in the protocol of panel_app.
 */

/**
 * @param {ArrayBuffer} buffer
 * @returns {{header: object, planes: {name: string, values: Float32Array | Uint32Array | Uint8Array, error: number, table: ?number[]}[]}}
 *   `u32` planes are numbers, `bits` planes bytes as they came, all others values
 */
export function parse(buffer) {
  const bytes = new Uint8Array(buffer);
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== 'CSF1') throw new Error('The server sent something that is no map.');
  const length = new DataView(buffer).getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  // What has no window is a list: one row, however long.
  const [, , columns, rows] = header.window ?? [0, 0, Infinity, 1];
  // Corners are one more than cells each way.
  const widthOf = (plane) => plane.encoding === 'f32' && plane.bytes === 4 * (columns + 1) * (rows + 1) ? columns + 1 : columns;
  let at = 8 + length;
  const planes = header.planes.map((plane) => {
    const payload = bytes.subarray(at, at += plane.bytes);
    return { name: plane.name, error: plane.error, table: plane.table ?? null, values: decode(plane, payload, widthOf(plane)) };
  });
  return { header, planes };
}

function decode(plane, bytes, width) {
  if (plane.encoding === 'table') {
    const lookup = new Float32Array(256).fill(NaN);
    lookup.set(plane.table);
    return Float32Array.from(bytes, (code) => lookup[code]);
  }
  if (plane.encoding === 'linear') return linear(plane, bytes, width);
  if (plane.encoding === 'bits') return bytes;
  // A copy, for numbers must begin at a multiple of their size.
  if (plane.encoding === 'u32') return new Uint32Array(bytes.slice().buffer);
  return single(bytes, width);
}

function linear({ scale, first }, bytes, width) {
  const n = bytes.length / 2;
  const words = new Uint16Array(n), values = new Float32Array(n);
  for (let k = 0; k < n; k++) {
    const folded = bytes[k] | bytes[n + k] << 8;
    const word = words[k] = predict(words, width, k) + ((folded >> 1) ^ -(folded & 1));
    values[k] = (word & 0xffff) === 0xffff ? NaN : (first + (word & 0xffff)) * scale;
  }
  return values;
}

function single(bytes, width) {
  const n = bytes.length / 4;
  const words = new Uint32Array(n), bits = new Uint32Array(n);
  for (let k = 0; k < n; k++) {
    const folded = (bytes[k] | bytes[n + k] << 8 | bytes[2 * n + k] << 16 | bytes[3 * n + k] << 24) >>> 0;
    words[k] = predict(words, width, k) + ((folded >>> 1) ^ -(folded & 1));
    const key = words[k];
    bits[k] = key === 0xffffffff ? 0x7fc00000 : key >>> 31 ? key ^ 0x80000000 : ~key;
  }
  return new Float32Array(bits.buffer);
}

/** The median of left, up, and left + up - corner. */
function predict(words, width, k) {
  if (k < width) return k === 0 ? 0 : words[k - 1];
  const up = words[k - width];
  if (k % width === 0) return up;
  const left = words[k - 1], corner = words[k - width - 1];
  if (left > up) return corner >= left ? up : corner <= up ? left : left + up - corner;
  return corner >= up ? left : corner <= left ? up : left + up - corner;
}
