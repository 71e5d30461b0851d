// From a picture to the pixels that the model sees: Pillow's antialiased filters, to a rounding.
// A browser's canvas and most libraries scale in ways of their own, and a model notices.

// Each filter's reach, in pixels, and its weight at a distance.
const FILTERS = {
  bilinear: [1, (x) => 1 - x],
  bicubic: [2, (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((2.5 - 0.5 * x) * x - 4) * x + 2)],
};

/** Give the box that the model sees: the centre, in its proportions; pixels, not always whole. */
export function seenBox({ width, height }, { resize, size: [rows, columns], crop }) {
  if (resize === null) return { left: 0, top: 0, width, height }; // all of it, squashed
  const scale = crop * Math.min(width / columns, height / rows);
  const [across, down] = [scale * columns, scale * rows];
  return { left: (width - across) / 2, top: (height - down) / 2, width: across, height: down };
}

/** Scale a box of a picture, RGB or RGBA, to the model's input: RGB. */
export function preprocess({ data, width, height }, box, { size: [rows, columns], interpolation }) {
  if (!(interpolation in FILTERS)) throw new Error(`the recipe asks for ${interpolation} scaling.`);
  const filter = FILTERS[interpolation];
  const channels = data.length / (width * height);
  const across = taps(filter, box.left, box.width, width, columns);
  const down = taps(filter, box.top, box.height, height, rows);

  // Uint8ClampedArray rounds and clips, as Pillow does after each direction.
  const narrowed = new Uint8ClampedArray(height * columns * 3);
  for (let y = down[0].first; y < down.at(-1).end; y++) {
    for (let x = 0; x < columns; x++) {
      for (let c = 0; c < 3; c++) {
        const start = (y * width + across[x].first) * channels + c;
        narrowed[(y * columns + x) * 3 + c] = weigh(data, start, channels, across[x].weights);
      }
    }
  }
  const pixels = new Uint8ClampedArray(rows * columns * 3);
  for (let y = 0; y < rows; y++) {
    for (let i = 0; i < columns * 3; i++) {
      const start = down[y].first * columns * 3 + i;
      pixels[y * columns * 3 + i] = weigh(narrowed, start, columns * 3, down[y].weights);
    }
  }
  return new Uint8Array(pixels.buffer);
}

/** For each pixel of a line of the result: which pixels of the picture it takes, and how much. */
function taps([reach, weight], start, length, whole, count) {
  const scale = length / count;
  const stretch = Math.max(scale, 1); // the filter widens where the picture shrinks
  return Array.from({ length: count }, (_, i) => {
    const centre = start + (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - reach * stretch + 0.5), 0);
    const end = Math.min(Math.trunc(centre + reach * stretch + 0.5), whole);
    const raw = Array.from({ length: end - first }, (_, j) => {
      const distance = Math.abs(first + j + 0.5 - centre) / stretch;
      return distance < reach ? weight(distance) : 0;
    });
    const sum = raw.reduce((a, b) => a + b);
    return { first, end, weights: raw.map((value) => value / sum) };
  });
}

function weigh(data, start, step, weights) {
  let sum = 0;
  for (let j = 0; j < weights.length; j++) sum += weights[j] * data[start + j * step];
  return sum;
}
