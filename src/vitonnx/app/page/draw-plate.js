// Many small pictures, each scaled by itself.

import { fillCanvas } from "./colours.js";
import { slice } from "./draw-maps.js";
import { make } from "./make.js";

export function drawPlate({ model }) {
  const above = make("div", { class: "plate" });
  const below = make("div", { class: "plate captioned" });
  const [caption, lower] = [make("figcaption"), make("figcaption")];
  const element = make("div", { class: "stack" },
    make("figure", {}, above, caption), make("figure", {}, below, lower));

  function fill([{ finding, words }]) {
    above.replaceChildren(...each(finding.pictures));
    above.setAttribute("role", "img");
    above.setAttribute("aria-label", `${finding.label} of ${model.name}: ${finding.pictures.shape[0]}.`);
    caption.textContent = [finding.label, ...words].join(" · ");
    below.parentElement.hidden = !finding.below;
    if (!finding.below) return;
    below.replaceChildren(...each(finding.below).map((picture, at) =>
      make("figure", {}, picture, make("span", {}, finding.captions[at] ?? ""))));
    lower.textContent = finding.belowLabel;
  }

  return { element, fill, told: () => above.getAttribute("aria-label") };
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
    return fillCanvas(make("canvas", { "aria-hidden": "true" }), colours, rows, columns);
  });
}
