// Where a model's input lies on a picture, by its recipe: engine/_placing.py in JavaScript.
// Sizes are (height, width), as in Python; rectangles are left, top, right, bottom.

// Half a pixel goes to the even number, as in Python.
export function round(number) {
  const up = Math.round(number);
  return up - number === 0.5 && up % 2 !== 0 ? up - 1 : up;
}

// The recipe at the input size of a picture, where every picture has its own.
export function forPicture(recipe, picture) {
  if (!recipe.multiple) return recipe;
  const [down, across] = recipe.size.map((side, axis) => side / picture[axis]);
  const scale = Math.abs(1 - across) < Math.abs(1 - down) ? across : down;
  const rounded = (side) => Math.max(1, round((scale * side) / recipe.multiple)) * recipe.multiple;
  return { ...recipe, size: picture.map(rounded), multiple: null };
}

// Says what size the whole picture is `scaled` to, the input's `corner` on that, the `canvas` that
// the picture is padded to before, and its corner there, `inset`; and of what the patches cover,
// the `crop` of the picture, and which share of it is `inside` the picture.
export function place(picture, recipe, covered) {
  const { size, padding } = recipe;
  const isAtEnd = padding?.place === "end";
  let found;
  if (padding?.before) {
    const canvas = canvasOf(picture, size);
    const inset = canvas.map((all, axis) => (isAtEnd ? 0 : Math.floor((all - picture[axis]) / 2)));
    found = {
      canvas,
      inset,
      // As if the picture alone were scaled: for those that are too long to be padded first.
      scaled: picture.map((side, axis) => Math.max(1, round((side * size[axis]) / canvas[axis]))),
      corner: inset.map((side, axis) => -round(side * (size[axis] / canvas[axis]))),
    };
  } else {
    const scaled = scaledSize(picture, recipe);
    const corner = scaled.map((all, axis) => (isAtEnd ? 0 : margin(all - size[axis], recipe)));
    found = { canvas: picture, inset: [0, 0], scaled, corner };
  }
  const crop = cropOf(picture, size, covered, found);
  return { ...found, crop, inside: insideOf(picture, crop) };
}

// The smallest canvas of an input's shape that holds a picture.
function canvasOf([height, width], [rows, columns]) {
  return height * columns >= width * rows
    ? [height, Math.max(width, round((height * columns) / rows))]
    : [Math.max(height, round((width * rows) / columns)), width];
}

// One pixel more or less moves every edge in the picture, so this rounds as Python's does.
function scaledSize([height, width], recipe) {
  const { resize, size, crop } = recipe;
  const room = size.map((side) => Math.trunc(side / crop + 1e-6));
  if (resize == null) return recipe.padding ? fitting([height, width], room, recipe) : room;
  if (size[0] === size[1]) {
    const shorter = Math.min(height, width);
    return [height, width].map((side) => Math.floor((side * resize) / shorter));
  }
  const cover = room.map((side, axis) => (size[axis] === Math.min(...size) ? resize : side));
  const scale = Math.min(height / cover[0], width / cover[1]);
  return [round(height / scale), round(width / scale)];
}

function fitting(picture, room, { rounding }) {
  const scale = Math.min(room[0] / picture[0], room[1] / picture[1]);
  const half = rounding === "down" ? (side) => Math.trunc(side + 0.5) : round;
  return picture.map((side, axis) => Math.max(1, Math.min(half(side * scale), room[axis])));
}

function margin(pixels, { rounding }) {
  return pixels < 0 || rounding === "down" ? Math.trunc(pixels / 2) : round(pixels / 2);
}

function cropOf(picture, size, [rows, columns], { canvas, inset, scaled, corner }) {
  if (canvas[0] !== picture[0] || canvas[1] !== picture[1]) {
    const [right, bottom] = [(columns * canvas[1]) / size[1], (rows * canvas[0]) / size[0]];
    return [-inset[1], -inset[0], right - inset[1], bottom - inset[0]];
  }
  const [down, across] = picture.map((side, axis) => side / scaled[axis]);
  const [top, left] = corner;
  return [left * across, top * down, (left + columns) * across, (top + rows) * down];
}

function insideOf([height, width], [left, top, right, bottom]) {
  const share = (number) => Math.min(1, number);
  return [
    share(Math.max(0, -left / (right - left))),
    share(Math.max(0, -top / (bottom - top))),
    share((width - left) / (right - left)),
    share((height - top) / (bottom - top)),
  ];
}
