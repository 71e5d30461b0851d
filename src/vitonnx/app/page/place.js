// Where patches lie on a picture. A view is what one model sees of it: `crop`, in pixels of the
// picture, beyond its edges where the input is padded; `inside`, the picture's part of that.

// The pixel at a place in the crop, given as shares of its sides.
export function pixel({ crop: [left, top, right, bottom], inside }, down, across) {
  const x = (share) => left + share * (right - left);
  const y = (share) => top + share * (bottom - top);
  const within = (value, from, to) =>
    Math.min(Math.max(Math.floor(value), Math.ceil(from - 0.5)), Math.ceil(to - 0.5) - 1);
  return [within(y(down), y(inside[1]), y(inside[3])), within(x(across), x(inside[0]), x(inside[2]))];
}

export function patchAt({ crop: [left, top, right, bottom] }, [rows, columns], [y, x]) {
  return [((y + 0.5 - top) / (bottom - top)) * rows, ((x + 0.5 - left) / (right - left)) * columns]
    .map(Math.floor);
}

// Whether some of a patch is picture and not padding.
export function shows({ inside: [left, top, right, bottom] }, [rows, columns], [row, column]) {
  return row + 1 > top * rows && row < bottom * rows &&
    column + 1 > left * columns && column < right * columns;
}

export const shownOf = (view, grid, values) =>
  values.filter((_, at) => shows(view, grid, [Math.floor(at / grid[1]), at % grid[1]]));

export const aspect = ({ crop: [left, top, right, bottom], inside }) =>
  ((right - left) * (inside[2] - inside[0])) / ((bottom - top) * (inside[3] - inside[1]));

// Draws the part of a picture that a model sees, in grey, for colours to lie over it.
export function portray(canvas, view, whole, seen, width) {
  const [left, top, right, bottom] = view.crop;
  canvas.width = width;
  canvas.height = Math.max(1, Math.round(width / aspect(view)));
  const context = canvas.getContext("2d");
  const [across, down] = [whole.width / seen.width, whole.height / seen.height];
  const [x, y] = [Math.max(0, left), Math.max(0, top)];
  const [w, h] = [Math.min(right, seen.width) - x, Math.min(bottom, seen.height) - y];
  context.drawImage(whole, x * across, y * down, w * across, h * down, 0, 0, width, canvas.height);
  for (const [mode, colour] of [["saturation", "#000"], ["multiply", "#e6e6e6"]]) {
    [context.globalCompositeOperation, context.fillStyle] = [mode, colour];
    context.fillRect(0, 0, width, canvas.height);
  }
}

// The edges between patches inside and outside of a mask.
export function outline(mask, rows, columns) {
  const inside = (row, column) =>
    row >= 0 && row < rows && column >= 0 && column < columns && mask[row * columns + column] > 0;
  let path = "";
  for (let row = 0; row <= rows; row++) {
    for (let column = 0; column <= columns; column++) {
      const here = inside(row, column);
      if (here !== inside(row - 1, column)) path += `M${column} ${row}h1`;
      if (here !== inside(row, column - 1)) path += `M${column} ${row}v1`;
    }
  }
  return path;
}
