// Scales pictures exactly as Pillow does, to the bit: the models' numbers depend on it.
// A picture is {width, height, data}, its data RGBA; the fourth number is never looked at.

const BITS = 32 - 8 - 2; // of a weight's fraction: a sum of 8-bit values then fits 32 bits

const sinc = (x) => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

const FILTERS = {
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  bicubic: [2, (x) => cubic(Math.abs(x))],
  lanczos: [3, (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0)],
};

function cubic(x) {
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

// Scales `box` ([left, top, right, bottom], by default all) of a picture to `size` ([width,
// height]), and computes only `window` of the result, in its pixels.
export function resize(picture, size, filter, box, window) {
  const [left, top, right, bottom] = (box ?? [0, 0, picture.width, picture.height]).map(Math.fround);
  window ??= [0, 0, ...size];
  if (filter === "nearest") return nearest(picture, size, [left, top, right, bottom], window);
  const across = weights(picture.width, left, right, size[0], filter, window[0], window[2]);
  const down = weights(picture.height, top, bottom, size[1], filter, window[1], window[3]);
  const [columns, rows] = [window[2] - window[0], window[3] - window[1]];
  const lying = (width) => ({ pixel: 4, line: 4 * width });
  const standing = (width) => ({ pixel: 4 * width, line: 4 });
  const [whole, kept] = [picture.width, { width: columns, height: rows }];
  if (picture.height > 100 * whole && size[1] < picture.height) {
    // Of so upright a strip Pillow scales the height first.
    const low = pass(picture.data, standing(whole), standing(whole), down, 0, whole);
    return { ...kept, data: pass(low, lying(whole), lying(columns), across, 0, rows) };
  }
  // Rows that no result depends on are not scaled.
  const first = down.starts[0];
  const needed = down.starts.at(-1) + down.counts.at(-1) - first;
  const flat = pass(picture.data, lying(whole), lying(columns), across, first, needed);
  down.starts = down.starts.map((start) => start - first);
  return { ...kept, data: pass(flat, standing(columns), standing(columns), down, 0, columns) };
}

// The weights of the pixels that each of the results from..to along a side of `length` is made of.
function weights(length, start, stop, results, filter, from, to) {
  const [reach, curve] = FILTERS[filter];
  const scale = Math.fround(stop - start) / results;
  // A side that stays as it is has one weight of 1 a pixel, which changes nothing.
  const stretch = Math.max(scale, 1);
  const support = reach * stretch;
  const kernel = { starts: [], counts: [], values: [] };
  for (let result = from; result < to; result += 1) {
    const centre = start + (result + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(length, Math.trunc(centre + support + 0.5));
    const parts = new Float64Array(high - low).map((_, at) =>
      curve((at + low - centre + 0.5) * (1 / stretch)),
    );
    const sum = parts.reduce((one, other) => one + other, 0) || 1;
    kernel.starts.push(low);
    kernel.counts.push(high - low);
    kernel.values.push(Int32Array.from(parts, (part) => fixed(part / sum)));
  }
  return kernel;
}

const fixed = (part) => Math.trunc(part * 2 ** BITS + (part < 0 ? -0.5 : 0.5));

// Scales one side of `lines` lines. `from` and `to` say how many bytes lie between two pixels of a
// line, and between two lines, in the data and in the result.
function pass(data, from, to, { starts, counts, values }, firstLine, lines) {
  const scaled = new Uint8ClampedArray(4 * starts.length * lines);
  for (let line = 0; line < lines; line += 1) {
    for (let result = 0; result < starts.length; result += 1) {
      const weight = values[result];
      let at = (firstLine + line) * from.line + starts[result] * from.pixel;
      let red = 1 << (BITS - 1); // half of what is cut off: it rounds
      let green = red;
      let blue = red;
      for (let tap = 0; tap < counts[result]; tap += 1, at += from.pixel) {
        red += data[at] * weight[tap];
        green += data[at + 1] * weight[tap];
        blue += data[at + 2] * weight[tap];
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
  let at = start + scale * 0.5;
  return Array.from({ length: count }, () => {
    const found = at < 0 ? -1 : Math.trunc(at);
    at += scale;
    return found < length ? found : -1;
  });
}
