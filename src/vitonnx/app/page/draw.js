// Findings that lie on no picture: a table of heads, a plate of small pictures, a matrix.
import { bar, canvasOf, paint, scaleOf, slice } from "./colours.js";
import { make, short } from "./make.js";
import { state } from "./state.js";

export const DRAWERS = { table, plate, matrix };

const DOTS = "#c2571a"; // seen on light and on dark paper
const [WIDTH, HEIGHT, DOT] = [960, 360, 9];

const figure = (words, drawing) => make("figure", {}, drawing, make("figcaption", {}, words.join(" · ")));

// A drawing with words to its left, and below it.
function labelled(drawing, left, below) {
  const list = (names) => make("ol", { "aria-hidden": "true" }, ...names.map((name) => make("li", {}, name)));
  return make("div", { class: "labelled" }, list(left), drawing, list(below));
}

// One value for every head of every block: a dot for each, the chosen head's filled.
function table({ finding: { unit, title, values }, words }, { name }) {
  const { data, shape: [count, heads] } = values;
  const highest = Math.max(...data) || 1;
  const say = (value) => value.toFixed(highest < 1 ? 2 : highest < 10 ? 1 : 0);
  const blocks = Array.from({ length: count }, (_, at) => [...slice(values, at)]);
  const range = (heads) => `${say(Math.min(...heads))} to ${say(Math.max(...heads))}`;
  const told = blocks.map((heads, block) => `Block ${block}: ${range(heads)}.`);
  const label = `${title} of ${name}, ${unit}. ${told.join(" ")}`;
  const says = { role: "img", "aria-label": label };
  const plot = make("canvas", { class: "plot", width: WIDTH, height: HEIGHT, ...says });
  const pen = plot.getContext("2d");
  pen.fillStyle = DOTS;
  data.forEach((value, at) => {
    const isChosen = at % heads === state.tile - 1;
    const across = ((Math.floor(at / heads) + 0.5) / count) * WIDTH;
    pen.globalAlpha = isChosen ? 1 : 0.4;
    pen.beginPath();
    pen.arc(across, HEIGHT - DOT - (value / highest) * (HEIGHT - 2 * DOT), isChosen ? DOT : DOT - 2, 0, 7);
    pen.fill();
  });
  const scale = [highest, highest / 2, 0].map(say);
  return [figure([title, unit, ...words, "across: block"], labelled(plot, scale, [...blocks.keys()]))];
}

// Many small pictures, each scaled by itself.
function plate({ finding: { pictures, label, below, belowLabel, captions }, words }, { name }) {
  const says = { role: "img", "aria-label": `${label} of ${name}: ${pictures.shape[0]} small pictures.` };
  const main = figure([label, ...words], make("div", { class: "plate", ...says }, ...each(pictures)));
  if (!below) return [main];
  const captioned = each(below).map((picture, at) => figure([captions[at] ?? ""], picture));
  return [main, figure([belowLabel], make("div", { class: "plate captioned" }, ...captioned))];
}

function each(pictures) {
  const [count, rows, columns] = pictures.shape;
  return Array.from({ length: count }, (_, at) => {
    const values = slice(pictures, at);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const colours = new Uint8ClampedArray(4 * rows * columns).fill(255);
    values.forEach((value, place) => {
      colours[4 * Math.floor(place / 3) + (place % 3)] = (255 * (value - low)) / (high - low || 1);
    });
    return canvasOf(colours, rows, columns);
  });
}

// How every item compares with every other; patches also as a tile each, at its place in the grid.
function matrix({ finding, words }, { name }) {
  const { values: { data, shape: [rows, columns] }, grid, item, other, unit, bounds } = finding;
  const scale = bounds ? { low: bounds[0], high: bounds[1] } : scaleOf(data, false);
  const painted = paint(data, scale, true);
  const [low, high] = [Math.min, Math.max].map((of) => short(data.reduce((one, two) => of(one, two))));
  const seen = (canvas, ariaLabel) => Object.assign(canvas, { className: "matrix", role: "img", ariaLabel });
  const whole = seen(canvasOf(painted, rows, columns),
    `${unit} of ${name}: ${rows} (${item}) by ${columns} (${other ?? item}), from ${low} to ${high}.`);
  const told = `A tile for each patch of ${name}: ${unit} with all patches.`;
  const tiles = grid ? [figure(["each patch with all patches"], seen(tile(painted, grid), told))] : [];
  const { labels, otherLabels } = finding;
  const named = labels.length ? labelled(whole, labels, otherLabels.length ? otherLabels : labels) : whole;
  const across = figure([...words, `down: ${item}`, `across: ${other ?? item}`], named);
  return [make("div", { class: "side" }, ...tiles, across), bar(scale, unit, true)];
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
