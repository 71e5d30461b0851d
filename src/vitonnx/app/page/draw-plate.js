// Many small pictures, each scaled by itself.
import { fillCanvas, slice } from "./colours.js";
import { make } from "./make.js";

export function drawPlate({ finding: { pictures, label, below, belowLabel, captions }, words }, { name }) {
  const says = { role: "img", "aria-label": `${label} of ${name}: ${pictures.shape[0]} small pictures.` };
  const plate = make("div", { class: "plate", ...says }, ...each(pictures));
  const main = make("figure", {}, plate, make("figcaption", {}, [label, ...words].join(" · ")));
  if (!below) return [main];
  const captioned = each(below).map((picture, at) =>
    make("figure", {}, picture, make("span", {}, captions[at] ?? "")));
  const more = make("div", { class: "plate captioned" }, ...captioned);
  return [main, make("figure", {}, more, make("figcaption", {}, belowLabel))];
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
    return fillCanvas(make("canvas"), colours, rows, columns);
  });
}
