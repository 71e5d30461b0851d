// Turns a picture into a model's input pixels, by its recipe: engine/_preprocess.py in JavaScript.

import { forPicture, place } from "./placing.js";
import { resize } from "./resample.js";

const LONGEST = 20_000; // beyond this side a picture is never scaled whole, as in Python
const LARGEST_CANVAS = 2 ** 26; // pixels; above, nothing is padded whole

// `picture` is {width, height, data: RGBA}, `covered` the (height, width) that is cut into patches.
export function prepare(picture, recipe, covered) {
  const sides = [picture.height, picture.width];
  const own = forPicture(recipe, sides);
  const found = place(sides, own, recipe.multiple ? own.size : covered);
  const { data } = scaled(picture, own, found);
  const pixels = new Uint8Array((3 * data.length) / 4);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    for (let colour = 0; colour < 3; colour += 1) pixels[to + colour] = data[from + colour];
  }
  return { pixels, size: own.size, crop: found.crop, inside: found.inside };
}

function scaled(picture, { size, padding, interpolation }, found) {
  const [height, width] = size;
  if (padding?.before && canBePadded(found.canvas)) {
    const canvas = pasted(found.canvas, padding.colour, picture, found.inset);
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
  return padding ? pasted(size, padding.colour, cut, [first - top, start - left]) : cut;
}

const canBePadded = ([rows, columns]) =>
  Math.max(rows, columns) <= LONGEST && rows * columns <= LARGEST_CANVAS;

// Puts a picture on a canvas of some colour.
function pasted([height, width], colour, picture, [top, left]) {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let at = 0; at < data.length; at += 4) data.set(colour, at);
  const line = 4 * picture.width;
  for (let row = 0; row < picture.height; row += 1) {
    const pixels = picture.data.subarray(row * line, (row + 1) * line);
    data.set(pixels, 4 * ((top + row) * width + left));
  }
  return { width, height, data };
}
