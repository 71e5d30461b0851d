// How every item compares with every other; patches also as a tile each, at its place in the grid.

import { bar, fillCanvas, paint, scaleOf } from "./colours.js";
import { make, short } from "./make.js";

export function drawMatrix({ model }) {
  const [tiles, whole, key] = [make("canvas"), make("canvas"), make("div")];
  const [above, caption] = [make("figcaption"), make("figcaption")];
  const tiled = make("figure", {}, tiles, above);
  const element = make("div", {},
    make("div", { class: "side" }, tiled, make("figure", {}, whole, caption)), key);
  for (const canvas of [tiles, whole]) {
    canvas.className = "matrix";
    canvas.setAttribute("role", "img");
  }

  function fill([{ finding, words }]) {
    const { values, grid, item, other, unit } = finding;
    const [rows, columns] = values.shape;
    const scale = scaleOf(values.data, false, finding.bounds);
    const painted = paint(values.data, scale, true);
    fillCanvas(whole, painted, rows, columns);
    tiled.hidden = !grid;
    if (grid) {
      drawTiles(tiles, painted, grid);
      tiles.setAttribute("aria-label", `A tile for each patch of ${model.name}: ${unit} with all patches.`);
      above.textContent = `each ${item.split(",")[0]} with all`;
    }
    whole.setAttribute("aria-label", describe(model, finding));
    caption.textContent = [...words, `down: ${item}`, `across: ${other ?? item}`].join(" · ");
    key.replaceChildren(bar(scale, unit, true));
  }

  return { element, fill, told: ([{ finding }]) => describe(model, finding) };
}

function describe(model, { values: { data, shape: [rows, columns] }, unit, item, other }) {
  const [low, high] = data.reduce(([least, most], value) =>
    [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
  return `${unit} of ${model.name}: ${rows} (${item}) by ${columns} (${other ?? item}), ` +
    `from ${short(low)} to ${short(high)}.`;
}

// Each row of the matrix is a small map, with a gap of an eighth.
function drawTiles(canvas, painted, [rows, columns]) {
  const [down, across] = [rows, columns].map((side) => side + Math.max(1, Math.floor(side / 8)));
  [canvas.width, canvas.height] = [columns * across - 1, rows * down - 1];
  const context = canvas.getContext("2d");
  for (let patch = 0; patch < rows * columns; patch++) {
    const from = 4 * patch * rows * columns;
    const tile = new ImageData(painted.slice(from, from + 4 * rows * columns), columns, rows);
    context.putImageData(tile, (patch % columns) * across, Math.floor(patch / columns) * down);
  }
}
