// How every item compares with every other; patches also as a tile each, at its place in the grid.
import { bar, fillCanvas, paint, scaleOf } from "./colours.js";
import { make, short } from "./make.js";

export function drawMatrix({ finding, words }, { name }) {
  const { values: { data, shape: [rows, columns] }, grid, item, other, unit, bounds } = finding;
  const scale = bounds ? { low: bounds[0], high: bounds[1] } : scaleOf(data, false);
  const painted = paint(data, scale, true);
  const [low, high] = [Math.min, Math.max].map((of) => short(data.reduce((one, two) => of(one, two))));
  const figure = (canvas, label, caption) => {
    Object.assign(canvas, { className: "matrix", role: "img", ariaLabel: label });
    return make("figure", {}, canvas, make("figcaption", {}, caption));
  };
  const whole = figure(fillCanvas(make("canvas"), painted, rows, columns),
    `${unit} of ${name}: ${rows} (${item}) by ${columns} (${other ?? item}), from ${low} to ${high}.`,
    [...words, `down: ${item}`, `across: ${other ?? item}`].join(" · "));
  const told = `A tile for each patch of ${name}: ${unit} with all patches.`;
  const tiles = grid ? [figure(tile(painted, grid), told, "each patch with all patches")] : [];
  return [make("div", { class: "side" }, ...tiles, whole), bar(scale, unit, true)];
}

// Each row of the matrix is a small map, with a gap of an eighth.
function tile(painted, [rows, columns]) {
  const [down, across] = [rows, columns].map((side) => side + Math.max(1, Math.floor(side / 8)));
  const canvas = make("canvas", { width: columns * across - 1, height: rows * down - 1 });
  const size = 4 * rows * columns;
  for (let patch = 0; patch < rows * columns; patch++) {
    const map = new ImageData(painted.slice(patch * size, (patch + 1) * size), columns, rows);
    canvas.getContext("2d").putImageData(map, (patch % columns) * across, Math.floor(patch / columns) * down);
  }
  return canvas;
}
