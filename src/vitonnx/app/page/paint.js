// Findings that lie on pictures. A painter gives the layer of each map (see map.js), says what it
// shows, and explains its colours.
import { bar, paint, scaleOf, slice } from "./colours.js";
import { make, short } from "./make.js";
import { shownOf, shows } from "./place.js";
import { state } from "./state.js";

export const PAINTERS = { maps, colours, classes };

const LAID_OVER = 0.6 * 255; // how much of the picture is hidden by colours that mean no number
// Matplotlib's usual colours without its grey, which all less frequent classes have.
const COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#e377c2", "#17becf", "#8c564b"];
const OTHER = "#7f7f7f";
const given = new Map(); // name of a class to its colour, the same in all models while it is shown
const frequent = new Map(); // model to the names that it shows

function maps(views) {
  const { labels, fromZero, unit } = views[0].finding;
  const scale = scaleOf(views.flatMap(counted), fromZero);
  const layer = ({ finding: { values, masks, mark } }, at) =>
    ({ painted: paint(slice(values, at), scale), mask: masks && slice(masks, at), mark });
  return { labels, layer, tell: highest, key: bar(scale, unit) };
}

// What the scale is made for: the parts where there are any, without the padding.
function counted({ finding: { values, alike }, view }) {
  const [count, ...grid] = values.shape;
  const parts = [...Array(count).keys()].slice(count > 1 && !alike ? 1 : 0);
  return parts.flatMap((at) => [...shownOf(view, grid, slice(values, at))]);
}

function highest({ finding: { values }, view }, at) {
  const [, rows, columns] = values.shape;
  const place = (patch) => [Math.floor(patch / columns), patch % columns];
  const map = slice(values, at);
  const patches = [...map.keys()].filter((patch) => shows(view, [rows, columns], place(patch)));
  const best = patches.reduce((most, patch) => (map[patch] > map[most] ? patch : most));
  const [row, column] = place(best);
  const where = `row ${row + 1}, column ${column + 1} of ${rows} by ${columns} patches`;
  return `Most, ${short(map[best])}, is at ${where}.`;
}

// A colour for each patch: the logistic function of twice the value, where the values' standard
// deviation is 1 (DINOv3).
function colours([{ finding: { label } }]) {
  const layer = ({ finding: { values, spread, shown } }, at) => {
    const painted = new Uint8ClampedArray((4 * values.data.length) / 3);
    values.data.forEach((value, place) => {
      const [patch, channel] = [Math.floor(place / 3), place % 3];
      painted[4 * patch + channel] = 127.5 + 127.5 * Math.tanh(value / (spread.data[channel] || 1));
      painted[4 * patch + 3] = shown && !shown.data[patch] ? 0 : at ? LAID_OVER : 255;
    });
    return { painted, alone: !at };
  };
  const words = "A colour means the same in all pictures of a model.";
  return { labels: [label, "over the picture"], layer, tell: () => words, key: make("small", {}, words) };
}

function classes(views, { name: model }) {
  const nameOf = (index) => views[0].finding.classes?.[Number(index)] ?? `class ${index}`;
  const names = views.flatMap(({ finding: { values }, view }) =>
    [...shownOf(view, values.shape.slice(1), slice(values, 0))].map(nameOf));
  const shares = new Map();
  for (const name of names) shares.set(name, (shares.get(name) ?? 0) + 1 / names.length);
  const sorted = [...shares].sort((one, other) => other[1] - one[1]);
  giveColours(model, sorted.slice(0, COLOURS.length).map(([name]) => name));
  const lines = sorted.filter(([name]) => given.has(name));
  const rest = 1 - lines.reduce((sum, [, share]) => sum + share, 0);
  if (rest > 1e-9) lines.push(["other classes", rest]);
  const said = lines.map(([name, share]) => [name, share < 0.005 ? "<1 %" : `${Math.round(100 * share)} %`]);
  const key = make("ul", { class: "legend", "aria-label": "Classes" }, ...said.map(([name, share]) => {
    const swatch = make("i");
    swatch.style.backgroundColor = given.get(name) ?? OTHER;
    return make("li", {}, swatch, make("span", {}, name), make("span", {}, share));
  }));
  const colour = (index) => {
    const hex = given.get(nameOf(index)) ?? OTHER;
    return [...[1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16)), LAID_OVER];
  };
  const layer = ({ finding: { values } }, at) =>
    ({ painted: Uint8ClampedArray.from([...slice(values, at)].flatMap(colour)) });
  const tell = () => `${said.map((line) => line.join(" ")).join(", ")}.`;
  return { labels: views[0].finding.labels, layer, tell, key };
}

function giveColours(model, names) {
  frequent.set(model, names);
  const used = state.models.flatMap((name) => frequent.get(name) ?? []);
  for (const name of [...given.keys()]) if (!used.includes(name)) given.delete(name);
  for (const name of names.filter((each) => !given.has(each))) {
    const free = COLOURS.find((colour) => ![...given.values()].includes(colour));
    if (free) given.set(name, free);
  }
}
