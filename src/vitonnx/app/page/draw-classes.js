// The class of each patch: the most frequent have a colour, the same in all models.

import { slice } from "./draw-maps.js";
import { makePlace } from "./draw-place.js";
import { make } from "./make.js";
import { shownOf } from "./place.js";
import { state } from "./state.js";

// Matplotlib's usual colours without its grey, which all other classes have.
const COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#e377c2", "#17becf", "#8c564b"];
const OTHER = "#7f7f7f";
const LAID_OVER = 0.6 * 255;

const given = new Map(); // name of a class to its colour, which it keeps while it is shown
const frequent = new Map(); // model to the names that it shows

export function drawClasses({ model, views: { length } }) {
  const places = Array.from({ length }, () => makePlace({ model }));
  const captions = places.map(() => make("figcaption"));
  const legend = make("ul", { class: "legend", "aria-label": "Classes" });
  const element = make("div", {}, make("div", { class: "side" },
    ...places.map((place, at) => make("figure", {}, place.element, captions[at]))), legend);

  function fill(views) {
    const counts = count(views);
    const names = [...counts.keys()].slice(0, COLOURS.length);
    giveColours(model.name, names);
    const all = [...counts.values()].reduce((sum, times) => sum + times, 0);
    const coloured = names.filter((name) => given.has(name));
    const lines = coloured.map((name) => [name, given.get(name), counts.get(name) / all]);
    const rest = 1 - lines.reduce((sum, [, , share]) => sum + share, 0);
    if (rest > 1e-9) lines.push(["other classes", OTHER, rest]);
    legend.replaceChildren(...lines.map(([name, colour, share]) => {
      const swatch = make("i");
      swatch.style.backgroundColor = colour;
      return make("li", {}, swatch, make("span", {}, name), make("span", {}, percent(share)));
    }));
    views.forEach((view, at) => {
      const { finding, picture, view: seen, words } = view;
      const name = `${finding.labels[0]} of ${model.name}`;
      const label = `${name}: ${lines.map(([each, , share]) => `${each} ${percent(share)}`).join(", ")}.`;
      places[at].fill({ picture, view: seen, painted: colour(finding), label });
      captions[at].textContent = [finding.labels[0], ...words].join(" · ");
    });
  }

  const told = () => places[0].element.getAttribute("aria-label");
  return { element, fill, told };
}

const percent = (share) => (share < 0.005 ? "<1 %" : `${Math.round(100 * share)} %`);
const nameOf = (index, classes) => classes?.[Number(index)] ?? `class ${index}`;

// How many patches have each class, the most frequent first.
function count(views) {
  const counts = new Map();
  for (const { finding, view } of views) {
    for (const index of shownOf(view, finding.values.shape.slice(1), slice(finding.values, 0))) {
      const name = nameOf(index, finding.classes);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return new Map([...counts].sort((one, other) => other[1] - one[1]));
}

function giveColours(model, names) {
  frequent.set(model, names);
  const used = new Set(state.models.flatMap((name) => frequent.get(name) ?? []));
  for (const name of [...given.keys()]) if (!used.has(name)) given.delete(name);
  for (const name of names) {
    const taken = [...given.values()];
    const free = COLOURS.find((colour) => !taken.includes(colour));
    if (free && !given.has(name)) given.set(name, free);
  }
}

function colour({ values, classes }) {
  const indices = slice(values, 0);
  const colours = new Uint8ClampedArray(4 * indices.length);
  indices.forEach((index, patch) => {
    const hex = given.get(nameOf(index, classes)) ?? OTHER;
    colours.set([1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)), 4 * patch);
    colours[4 * patch + 3] = LAID_OVER;
  });
  return colours;
}
