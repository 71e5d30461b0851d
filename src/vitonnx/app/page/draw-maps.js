// Maps of numbers: one large, and where there are several a tile of each to choose from.

import { bar, paint, scaleOf } from "./colours.js";
import { makePlace } from "./draw-place.js";
import { make, short } from "./make.js";
import { shownOf, shows } from "./place.js";
import { change, state } from "./state.js";

export function drawMaps({ model, probe, views: { length } }, { labels }) {
  const large = Array.from({ length }, (_, at) => makePlace({ model, asks: probe.click && at === 0 }));
  const captions = large.map(() => make("figcaption"));
  const key = make("div");
  const tiles = labels.length > 1 ? labels.map((label, at) => makeTile(model, label, at)) : [];
  const figures = large.map(({ element }, at) => make("figure", {}, element, captions[at]));
  const element = make("div", {},
    make("div", { class: "side" }, ...figures), key,
    tiles.length > 0 && make("div", { class: "tiles", role: "group", "aria-label": "All maps" },
      ...tiles.map(({ button }) => button)) || null);

  function fill(views) {
    const scale = scaleOf(views.flatMap(counted), views[0].finding.fromZero);
    const chosen = state.tile < labels.length ? state.tile : 0;
    views.forEach((view, at) => {
      large[at].fill(layer(view, chosen, scale, describe(model, view, chosen)));
      captions[at].textContent = [view.finding.labels[chosen], ...view.words].join(" · ");
    });
    key.replaceChildren(bar(scale, views[0].finding.unit));
    tiles.forEach(({ button, place }, at) => {
      place.fill(layer(views[0], at, scale));
      button.setAttribute("aria-pressed", String(at === chosen));
    });
  }

  return { element, fill, told: (views) => describe(model, views[0], Math.min(state.tile, labels.length - 1)) };
}

function makeTile(model, label, at) {
  const place = makePlace({ model, small: true });
  const choose = () => change({ tile: at }, "tile");
  const name = label.replace(/^mean of the heads$/, "mean");
  const button = make("button", { type: "button", class: "tile", "aria-label": label, click: choose },
    place.element, make("span", {}, name));
  return { place, button };
}

export const slice = ({ data, shape }, at) => {
  const size = shape.slice(1).reduce((product, side) => product * side, 1);
  return data.subarray(at * size, (at + 1) * size);
};

// What the scale is made for: the parts where there are any, without the padding.
function counted({ finding: { values, alike }, view }) {
  const [maps, ...grid] = values.shape;
  const first = maps > 1 && !alike ? 1 : 0;
  return Array.from({ length: maps - first }, (_, at) =>
    [...shownOf(view, grid, slice(values, first + at))]).flat();
}

function layer({ finding, picture, view }, at, scale, label) {
  const painted = paint(slice(finding.values, at), scale);
  const mask = finding.masks && slice(finding.masks, at);
  return { picture, view, painted, mask, mark: finding.mark, label };
}

export function describe(model, { finding, view, words }, at) {
  const values = slice(finding.values, at);
  const [, rows, columns] = finding.values.shape;
  let best = -1;
  values.forEach((value, patch) => {
    const inside = shows(view, [rows, columns], [Math.floor(patch / columns), patch % columns]);
    if (inside && (best < 0 || value > values[best])) best = patch;
  });
  return `${finding.labels[at]} of ${model.name}, ${words.join(", ")}. Most, ${short(Number(values[best]))}, ` +
    `is at row ${Math.floor(best / columns) + 1}, column ${(best % columns) + 1} of ` +
    `${rows} by ${columns} patches.`;
}
