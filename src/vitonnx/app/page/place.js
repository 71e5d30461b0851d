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
