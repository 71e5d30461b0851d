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
// and computes only `window` of the result, in its pixels.
export function resize(picture, size, filter, box, window = [0, 0, ...size]) {
  const { width, height, data } = picture;
  const edges = (box ?? [0, 0, width, height]).map(Math.fround);
  if (filter === "nearest") return nearest(picture, size, edges, window);
  const across = kernel(width, edges[0], edges[2], size[0], filter, window[0], window[2]);
  const down = kernel(height, edges[1], edges[3], size[1], filter, window[1], window[3]);
  const [columns, rows] = [across.length, down.length];
  const lying = (side) => ({ pixel: 4, line: 4 * side });
  const standing = (side) => ({ pixel: 4 * side, line: 4 });
  if (height > 100 * width && size[1] < height) {
    // Of so upright a strip Pillow scales the height first.
    const low = pass(data, standing(width), standing(width), down, width);
    const strip = pass(low, lying(width), lying(columns), across, rows);
    return { width: columns, height: rows, data: strip };
  }
  // Rows that no result depends on are not scaled.
  const first = down[0].start;
  const needed = down.at(-1).start + down.at(-1).weights.length - first;
  const rest = data.subarray(4 * width * first);
  const flat = pass(rest, lying(width), lying(columns), across, needed);
  for (const result of down) result.start -= first;
  const made = pass(flat, standing(columns), standing(columns), down, columns);
  return { width: columns, height: rows, data: made };
}

// Says for the results from..to along a side of `length` at which pixel each starts, and what it
// takes of that and those after it. Where nothing is scaled that is all of one pixel.
function kernel(length, start, stop, results, filter, from, to) {
  const [reach, curve] = FILTERS[filter];
  const scale = Math.fround(stop - start) / results;
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

// Scales one side of `lines` lines. `from` and `to` say how many bytes lie between two pixels of a
// line, and between two lines, in the data and in the result.
function pass(data, from, to, results, lines) {
  const scaled = new Uint8ClampedArray(4 * results.length * lines);
  for (let line = 0; line < lines; line += 1) {
    for (let result = 0; result < results.length; result += 1) {
      const { start, weights } = results[result];
      let at = line * from.line + start * from.pixel;
      let [red, green, blue] = [HALF, HALF, HALF];
      for (let tap = 0; tap < weights.length; tap += 1, at += from.pixel) {
        red += data[at] * weights[tap];
        green += data[at + 1] * weights[tap];
        blue += data[at + 2] * weights[tap];
      }
      const place = line * to.line + result * to.pixel;
      scaled[place] = red >> BITS;
      scaled[place + 1] = green >> BITS;
      scaled[place + 2] = blue >> BITS;
    }
  }
  return scaled;
}

function nearest(picture, [columns, rows], [left, top, right, bottom], window) {
  const across = steps(left, Math.fround(right - left) / columns, picture.width, window[2]);
  const down = steps(top, Math.fround(bottom - top) / rows, picture.height, window[3]);
  const [width, height] = [window[2] - window[0], window[3] - window[1]];
  const data = new Uint8ClampedArray(4 * width * height);
  for (let y = 0, to = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, to += 4) {
      const [row, column] = [down[window[1] + y], across[window[0] + x]];
      if (row < 0 || column < 0) continue; // black, as in Pillow, where rounding leads beyond
      const from = 4 * (row * picture.width + column);
      data.set(picture.data.subarray(from, from + 3), to);
    }
  }
  return { width, height, data };
}

// Which pixel each result is; -1 for none. The sums grow, rounding errors and all, as Pillow's do.
function steps(start, scale, length, count) {
  let next = start + scale * 0.5;
  return Array.from({ length: count }, () => {
    const at = next;
    next += scale;
    return at >= 0 && at < length ? Math.trunc(at) : -1;
  });
}
