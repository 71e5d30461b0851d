// Turns a picture into a model's input pixels, by its recipe: engine/_preprocess.py in JavaScript.

import { forPicture, place } from "./place.js";
import { resize } from "./resample.js";

const LONGEST = 20_000; // beyond this side a picture is never scaled whole, as in Python
const LARGEST_CANVAS = 2 ** 26; // pixels; above, nothing is padded whole

// `picture` is {width, height, data: RGBA}, `covered` the (height, width) that is cut into patches.
export function prepare(picture, recipe, covered) {
  const sides = [picture.height, picture.width];
  const own = forPicture(recipe, sides);
  const found = place(sides, own, recipe.multiple ? own.size : covered);
  const { crop, inside } = found;
  return { pixels: withoutAlpha(scaled(picture, own, found)), size: own.size, crop, inside };
}

function scaled(picture, { size, padding, interpolation }, found) {
  const [height, width] = size;
  if (padding?.before && canBePadded(found.canvas)) {
    const canvas = filled(found.canvas, padding.colour);
    paste(canvas, picture, found.inset);
    return resize(canvas, [width, height], interpolation);
  }
  const [top, left] = found.corner;
  const [down, across] = found.scaled;
  if (!padding && Math.max(down, across) <= LONGEST) {
    const window = [left, top, left + width, top + height];
    return resize(picture, [across, down], interpolation, null, window);
  }
  // Scaling nothing but what is seen differs by the rounding of its corners.
  const [first, start] = [Math.max(top, 0), Math.max(left, 0)];
  const [last, end] = [Math.min(top + height, down), Math.min(left + width, across)];
  const [wide, high] = [picture.width / across, picture.height / down];
  const box = [start * wide, first * high, end * wide, last * high];
  const cut = resize(picture, [end - start, last - first], interpolation, box);
  if (!padding) return cut;
  const input = filled(size, padding.colour);
  paste(input, cut, [first - top, start - left]);
  return input;
}

const canBePadded = ([rows, columns]) =>
  Math.max(rows, columns) <= LONGEST && rows * columns <= LARGEST_CANVAS;

function filled([height, width], colour) {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let at = 0; at < data.length; at += 4) data.set(colour, at);
  return { width, height, data };
}

function paste(canvas, picture, [top, left]) {
  for (let row = 0; row < picture.height; row += 1) {
    const line = picture.data.subarray(4 * row * picture.width, 4 * (row + 1) * picture.width);
    canvas.data.set(line, 4 * ((top + row) * canvas.width + left));
  }
}

function withoutAlpha({ data }) {
  const pixels = new Uint8Array((3 * data.length) / 4);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    pixels[to] = data[from];
    pixels[to + 1] = data[from + 1];
    pixels[to + 2] = data[from + 2];
  }
  return pixels;
}
