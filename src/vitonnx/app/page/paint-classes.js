// The class of each patch; see sheet.js. The most frequent have a colour, the same in all models.
import { slice } from "./colours.js";
import { make } from "./make.js";
import { shownOf } from "./place.js";
import { state } from "./state.js";

// Matplotlib's usual colours without its grey, which all other classes have.
const COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#e377c2", "#17becf", "#8c564b"];
const OTHER = "#7f7f7f";
const LAID_OVER = 0.6 * 255; // how much of the picture is hidden
const given = new Map(); // name of a class to its colour, which it keeps while it is shown
const frequent = new Map(); // model to the names that it shows

export function paintClasses(views, { name: model }) {
  const counts = count(views);
  giveColours(model, counts.slice(0, COLOURS.length).map(([name]) => name));
  const lines = counts.filter(([name]) => given.has(name));
  const rest = 1 - lines.reduce((sum, [, share]) => sum + share, 0);
  if (rest > 1e-9) lines.push(["other classes", rest]);
  const said = lines.map(([name, share]) => [name, share < 0.005 ? "<1 %" : `${Math.round(100 * share)} %`]);
  const key = make("ul", { class: "legend", "aria-label": "Classes" }, ...said.map(([name, share]) => {
    const swatch = make("i");
    swatch.style.backgroundColor = given.get(name) ?? OTHER;
    return make("li", {}, swatch, make("span", {}, name), make("span", {}, share));
  }));
  const tell = () => `${said.map((line) => line.join(" ")).join(", ")}.`;
  const layer = ({ finding }, at) => ({ painted: colour(finding, at) });
  return { labels: views[0].finding.labels, layer, tell, key };
}

const nameOf = (index, classes) => classes?.[Number(index)] ?? `class ${index}`;

// Which share of the patches each class has, the most frequent first.
function count(views) {
  const names = views.flatMap(({ finding: { values, classes }, view }) =>
    [...shownOf(view, values.shape.slice(1), slice(values, 0))].map((index) => nameOf(index, classes)));
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1 / names.length);
  return [...counts].sort((one, other) => other[1] - one[1]);
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

function colour({ values, classes }, at) {
  return Uint8ClampedArray.from([...slice(values, at)].flatMap((index) => {
    const hex = given.get(nameOf(index, classes)) ?? OTHER;
    return [...[1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16)), LAID_OVER];
  }));
}
