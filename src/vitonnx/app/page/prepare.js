// Turns a picture into a model's input pixels, by its recipe: engine/_placing.py and _preprocess.py
// in JavaScript. Sizes are (height, width), as in Python; rectangles are left, top, right, bottom.

import { resize } from "./resample.js";

const LONGEST = 20_000; // beyond this side a picture is never scaled whole, as in Python
const LARGEST_CANVAS = 2 ** 26; // pixels; above, nothing is padded whole

// `picture` is {width, height, data: RGBA}, `covered` the (height, width) that is cut into patches.
export function prepare(picture, recipe, covered) {
  const sides = [picture.height, picture.width];
  const own = forPicture(recipe, sides);
  const { crop, inside, ...place } = placeOf(sides, own, recipe.multiple ? own.size : covered);
  const pixels = Uint8Array.from(scaled(picture, own, place).data.filter((_, at) => at % 4 < 3));
  return { pixels, size: own.size, crop, inside };
}

// The recipe at the input size of a picture, where every picture has its own.
function forPicture(recipe, picture) {
  if (!recipe.multiple) return recipe;
  const [down, across] = recipe.size.map((side, axis) => side / picture[axis]);
  const scale = Math.abs(1 - across) < Math.abs(1 - down) ? across : down;
  const rounded = (side) => Math.max(1, round((scale * side) / recipe.multiple)) * recipe.multiple;
  return { ...recipe, size: picture.map(rounded), multiple: null };
}

// Says what size the whole picture is `scaled` to, and the input's `corner` on that; the `canvas`
// that the picture is padded to before, and its corner there, `inset`; the `crop` of the picture
// that the patches cover, and which share of it is `inside` the picture.
function placeOf(picture, recipe, covered) {
  const { size, padding } = recipe;
  const isAtEnd = padding?.place === "end";
  if (!padding?.before) {
    const scaled = scaledSize(picture, recipe);
    const corner = scaled.map((all, axis) => (isAtEnd ? 0 : margin(all - size[axis], recipe)));
    const shares = picture.map((side, axis) => side / scaled[axis]);
    const starts = corner.map((at, axis) => at * shares[axis]);
    const ends = corner.map((at, axis) => (at + covered[axis]) * shares[axis]);
    return { scaled, corner, ...seen(picture, starts, ends) };
  }
  const canvas = canvasOf(picture, size);
  const inset = canvas.map((all, axis) => (isAtEnd ? 0 : Math.floor((all - picture[axis]) / 2)));
  // As if the picture alone were scaled: for those that are too long to be padded first.
  const scaled = picture.map((side, axis) => Math.max(1, round((side * size[axis]) / canvas[axis])));
  const corner = inset.map((side, axis) => -round(side * (size[axis] / canvas[axis])));
  const starts = inset.map((side) => -side);
  const ends = inset.map((side, axis) => (covered[axis] * canvas[axis]) / size[axis] - side);
  return { scaled, corner, canvas, inset, ...seen(picture, starts, ends) };
}

function seen([height, width], [top, left], [bottom, right]) {
  const share = (part, all) => Math.min(1, Math.max(0, part / all));
  const [across, down] = [right - left, bottom - top];
  const starts = [share(-left, across), share(-top, down)];
  const inside = [...starts, share(width - left, across), share(height - top, down)];
  return { crop: [left, top, right, bottom], inside };
}

// The smallest canvas of an input's shape that holds a picture.
function canvasOf([height, width], [rows, columns]) {
  return height * columns >= width * rows
    ? [height, Math.max(width, round((height * columns) / rows))]
    : [Math.max(height, round((width * rows) / columns)), width];
}

// One pixel more or less moves every edge in the picture, so this rounds as Python's does.
function scaledSize(picture, { resize, size, crop, padding, rounding }) {
  const room = size.map((side) => Math.trunc(side / crop + 1e-6));
  if (resize == null && !padding) return room;
  if (resize == null) {
    const scale = Math.min(room[0] / picture[0], room[1] / picture[1]);
    const half = rounding === "down" ? (side) => Math.trunc(side + 0.5) : round;
    return picture.map((side, axis) => Math.max(1, Math.min(half(side * scale), room[axis])));
  }
  if (size[0] === size[1]) return picture.map((side) => Math.floor((side * resize) / Math.min(...picture)));
  const cover = room.map((side, axis) => (size[axis] === Math.min(...size) ? resize : side));
  const scale = Math.min(picture[0] / cover[0], picture[1] / cover[1]);
  return picture.map((side) => round(side / scale));
}

function margin(pixels, { rounding }) {
  return pixels < 0 || rounding === "down" ? Math.trunc(pixels / 2) : round(pixels / 2);
}

// Half a pixel goes to the even number, as in Python.
function round(number) {
  const up = Math.round(number);
  return up - number === 0.5 && up % 2 !== 0 ? up - 1 : up;
}

function scaled(picture, { size, padding, interpolation }, place) {
  const { scaled: [down, across], corner: [top, left], canvas, inset } = place;
  const [height, width] = size;
  if (canvas && Math.max(...canvas) <= LONGEST && canvas[0] * canvas[1] <= LARGEST_CANVAS) {
    return resize(pasted(canvas, padding.colour, picture, inset), [width, height], interpolation);
  }
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

// Puts a picture on a canvas of some colour.
function pasted([height, width], colour, picture, [top, left]) {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let at = 0; at < data.length; at += 4) data.set(colour, at);
  const line = 4 * picture.width;
  for (let row = 0; row < picture.height; row += 1) {
    data.set(picture.data.subarray(row * line, (row + 1) * line), 4 * ((top + row) * width + left));
  }
  return { width, height, data };
}
