/**
 * The part of the world in the window, and round numbers for axes.
 *
 * World coordinates are degrees (x east, y north), or cell numbers in index space. Screen coordinates are CSS pixels
 * of the canvas, y downwards.
 */

export class View {
  constructor() {
    this.rect = { x: 0, y: 0, w: 1, h: 1 };
    this.bounds = { x0: -180, x1: 180, y0: -90, y1: 90, wraps: true };
    this.cx = 0;
    this.cy = 0;
    /** Pixels per unit of the world. */
    this.scale = 1;
    /** The scale follows the size of the window until the user zooms. */
    this.fitted = true;
    this.finest = 1;
  }

  /** The scale at which everything is visible. */
  get fitScale() {
    const b = this.bounds;
    return Math.min(this.rect.w / (b.x1 - b.x0), this.rect.h / (b.y1 - b.y0));
  }

  get magnification() { return this.scale / this.fitScale; }

  fit() {
    const b = this.bounds;
    this.fitted = true;
    this.scale = this.fitScale;
    this.cx = (b.x0 + b.x1) / 2;
    this.cy = (b.y0 + b.y1) / 2;
  }

  resize(rect) {
    this.rect = rect;
    if (this.fitted) this.fit(); else this.constrain();
  }

  constrain() {
    const b = this.bounds, fit = this.fitScale;
    this.scale = Math.min(Math.max(this.scale, fit), Math.max(fit, this.finest));
    this.fitted = this.scale <= fit * 1.0001 && !b.wraps;
    const half = this.rect.h / 2 / this.scale, wide = this.rect.w / 2 / this.scale;
    const inside = (c, lo, hi, h) => hi - lo <= 2 * h ? (lo + hi) / 2 : Math.min(Math.max(c, lo + h), hi - h);
    this.cy = inside(this.cy, b.y0, b.y1, half);
    if (b.wraps) this.cx = b.x0 + mod(this.cx - b.x0, 360);
    else this.cx = inside(this.cx, b.x0, b.x1, wide);
  }

  /** Zooms so that what is under (sx, sy) stays there. */
  zoom(factor, sx = this.rect.x + this.rect.w / 2, sy = this.rect.y + this.rect.h / 2) {
    const [wx, wy] = this.toWorld(sx, sy);
    this.scale *= factor;
    this.fitted = false;
    const fit = this.fitScale;
    this.scale = Math.min(Math.max(this.scale, fit), Math.max(fit, this.finest));
    const [nx, ny] = this.toWorld(sx, sy);
    this.cx += wx - nx;
    this.cy += wy - ny;
    this.constrain();
  }

  pan(dx, dy) {
    this.cx -= dx / this.scale;
    this.cy += dy / this.scale;
    this.fitted = false;
    this.constrain();
  }

  /** The copy of x that is nearest to another, else to the middle of the window, where the world goes round. */
  near(x, other = this.cx) { return this.bounds.wraps ? x + Math.round((other - x) / 360) * 360 : x; }

  /** Looks at a place that is at the edge of the window or outside; true when it moved. */
  reveal(x, y, edge = 20) {
    const [sx, sy] = this.toScreen(this.near(x), y), r = this.rect;
    const seen = sx >= r.x + edge && sx <= r.x + r.w - edge && sy >= r.y + edge && sy <= r.y + r.h - edge;
    if (seen || !Number.isFinite(x) || !Number.isFinite(y)) return false;
    this.cx = x;
    this.cy = y;
    this.constrain();
    return true;
  }

  toWorld(sx, sy) {
    const r = this.rect;
    return [this.cx + (sx - r.x - r.w / 2) / this.scale, this.cy - (sy - r.y - r.h / 2) / this.scale];
  }

  toScreen(wx, wy) {
    const r = this.rect;
    return [r.x + r.w / 2 + (wx - this.cx) * this.scale, r.y + r.h / 2 - (wy - this.cy) * this.scale];
  }

  /** What is visible of the world: never more than one turn. */
  get extent() {
    const b = this.bounds, wide = this.rect.w / 2 / this.scale, half = this.rect.h / 2 / this.scale;
    const w = b.wraps ? Math.min(wide, 180) : wide;
    const clip = (lo, hi) => b.wraps ? [lo, hi] : [Math.max(lo, b.x0), Math.min(hi, b.x1)];
    const [x0, x1] = clip(this.cx - w, this.cx + w);
    return { x0, x1, y0: Math.max(this.cy - half, b.y0), y1: Math.min(this.cy + half, b.y1) };
  }
}

export const mod = (a, n) => ((a % n) + n) % n;

/** The step of an axis: a round number at least `least` units wide. */
export function niceStep(least, geographic) {
  const steps = geographic ? [.01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 15, 30, 45, 60, 90] : [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500];
  const found = steps.find((s) => s >= least);
  if (found) return found;
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((f) => f * power).find((s) => s >= least);
}

/** Multiples of `step` from `lo` to `hi`. */
export function multiples(lo, hi, step) {
  const list = [];
  for (let k = Math.ceil(lo / step - 1e-9); k * step <= hi + 1e-9 * step; k++) list.push(k * step);
  return list;
}

/** About `count` round numbers between two limits. */
export function ticks(lo, hi, count) {
  if (!(hi > lo)) return [lo];
  const raw = (hi - lo) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((f) => f * power).find((s) => s >= raw * .999);
  return multiples(lo, hi, step).map((v) => Number(v.toPrecision(12)));
}

const normalLon = (lon) => mod(lon + 180, 360) - 180;

export function lonText(lon, digits = 2) {
  const l = Number(normalLon(lon).toFixed(digits));
  const a = Math.abs(l);
  return `${a}°${a === 0 || a === 180 ? '' : l > 0 ? 'E' : 'W'}`;
}

export function latText(lat, digits = 2) {
  const l = Number(lat.toFixed(digits));
  return `${Math.abs(l)}°${l === 0 ? '' : l > 0 ? 'N' : 'S'}`;
}

/** A number to at most `digits` significant digits, as people write it. */
export function numberText(v, digits = 6) {
  if (!Number.isFinite(v)) return '–';
  if (v === 0) return '0';
  const a = Math.abs(v);
  if (a >= 1e7 || a < 1e-4) return v.toExponential(Math.min(3, digits - 1)).replace('e+', 'e').replace('-', '−');
  return String(Number(v.toPrecision(digits))).replace('-', '−');
}
