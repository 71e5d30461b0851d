// Scales pictures exactly as Pillow does, to the bit: the models' numbers depend on it.
// A picture is {width, height, data}, its data RGBA; the fourth number is never looked at.

const BITS = 32 - 8 - 2; // of a weight's fraction: a sum of 8-bit values then fits 32 bits
const HALF = 1 << (BITS - 1); // of what is cut off: it rounds

const sinc = (x) => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

// How far each filter reaches, and its curve.
const FILTERS = {
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  bicubic: [2, (x) => cubic(Math.abs(x))],
  lanczos: [3, (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0)],
};

function cubic(x) {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

// Scales `box` (left, top, right, bottom; by default all) of a picture to `size` (width, height),
// and gives only `window` of the result, in its pixels.
export function resize(picture, size, filter, box, window = [0, 0, ...size]) {
  const { width, height } = picture;
  const [left, top, right, bottom] = (box ?? [0, 0, width, height]).map(Math.fround);
  const weigh = filter === "nearest" ? nearest : weighted;
  const across = weigh(width, left, Math.fround(right - left) / size[0], window[0], window[2], filter);
  const down = weigh(height, top, Math.fround(bottom - top) / size[1], window[1], window[3], filter);
  // The order decides how sums round. It is Pillow 13's: of what shrinks mostly in height, that first.
  const isHeightFirst = height > size[1] && height - size[1] > 2 * (width - size[0]);
  if (isHeightFirst) return pass(pass(picture, down, false), across, true);
  return pass(pass(picture, across, true), down, false);
}

// Says for the results `from` to `to` along a side of `length` at which pixel each starts, and what
// it takes of that and those after it. Where nothing is scaled that is all of one pixel.
function weighted(length, start, scale, from, to, filter) {
  const [reach, curve] = FILTERS[filter];
  const stretch = Math.max(scale, 1);
  const support = reach * stretch;
  return Array.from({ length: to - from }, (_, at) => {
    const centre = start + (from + at + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(length, Math.trunc(centre + support + 0.5));
    const place = (tap) => (tap + low - centre + 0.5) * (1 / stretch);
    const parts = Array.from({ length: high - low }, (_, tap) => curve(place(tap)));
    const sum = parts.reduce((one, other) => one + other, 0) || 1;
    return { start: low, weights: Int32Array.from(parts, (part) => fixed(part / sum)) };
  });
}

const fixed = (part) => Math.trunc(part * 2 ** BITS + (part < 0 ? -0.5 : 0.5));

// The sums grow, rounding errors and all, as Pillow's do; what they lead beyond the side is black.
function nearest(length, start, scale, from, to) {
  let next = start + scale * 0.5;
  return Array.from({ length: to }, () => {
    const at = next;
    next += scale;
    if (at < 0 || at >= length) return { start: 0, weights: [] };
    return { start: Math.trunc(at), weights: [2 ** BITS] };
  }).slice(from);
}

// Scales the width of a picture, or its height.
function pass({ width, height, data }, results, isAcross) {
  const [columns, rows] = isAcross ? [results.length, height] : [width, results.length];
  const [far, near] = isAcross ? [4 * width, 4] : [4, 4 * width]; // bytes between lines, and taps
  const scaled = new Uint8ClampedArray(4 * columns * rows);
  for (let row = 0, place = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1, place += 4) {
      const { start, weights } = results[isAcross ? column : row];
      let at = (isAcross ? row : column) * far + start * near;
      let [red, green, blue] = [HALF, HALF, HALF];
      for (let tap = 0; tap < weights.length; tap += 1, at += near) {
        red += data[at] * weights[tap];
        green += data[at + 1] * weights[tap];
        blue += data[at + 2] * weights[tap];
      }
      scaled[place] = red >> BITS;
      scaled[place + 1] = green >> BITS;
      scaled[place + 2] = blue >> BITS;
    }
  }
  return { width: columns, height: rows, data: scaled };
}
