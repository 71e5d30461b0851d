// A map at its place over a picture. Where a probe has a query, a click or the keys ask another.

import { fillCanvas } from "./colours.js";
import { make } from "./make.js";
import { aspect, outline, patchAt, pixel, portray, shows } from "./place.js";
import { isPixel, set, state } from "./state.js";

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const KEYS = " Arrow keys ask another patch; Home asks the default again.";
const WIDTH = { large: 720, small: 160 };
export const SEEN = "#4de8ff"; // frames and outlines, on any picture and any colour

export function makePlace({ model, asks = false, small = false, ground = "grey" }) {
  const picture = make("canvas", { "aria-hidden": "true" });
  const colours = make("canvas", { class: "patches", "aria-hidden": "true" });
  const marks = make("svg", { preserveAspectRatio: "none", "aria-hidden": "true" });
  const element = make("div", { class: `map${asks ? " asks" : ""}` }, picture, colours, marks);
  const [rows, columns] = model.grid;
  let shown = null;

  function ask(down, across) {
    set("query", pixel(shown.view, down, across).join(","));
  }

  function click(event) {
    const box = element.getBoundingClientRect();
    const [left, top, right, bottom] = shown.view.inside;
    ask(top + ((bottom - top) * (event.clientY - box.top)) / box.height,
      left + ((right - left) * (event.clientX - box.left)) / box.width);
  }

  // From the patch that was asked for last, though its answer may not be here yet.
  function step(event) {
    if (event.key !== "Home" && !STEPS[event.key]) return;
    event.preventDefault();
    if (event.key === "Home") return set("query", null);
    const { query } = state.options;
    const from = isPixel(query) ? patchAt(shown.view, model.grid, query.split(",").map(Number)) : null;
    const [down, across] = from || shown.mark ? STEPS[event.key] : [0, 0];
    const start = from ?? shown.mark ?? [Math.floor(rows / 2), Math.floor(columns / 2)];
    const to = [start[0] + down, start[1] + across];
    if (shows(shown.view, model.grid, to)) ask((to[0] + 0.5) / rows, (to[1] + 0.5) / columns);
  }

  if (asks) {
    element.tabIndex = 0;
    element.setAttribute("aria-roledescription", "map");
    element.addEventListener("click", click);
    element.addEventListener("keydown", step);
  }
  if (!small) element.setAttribute("role", asks ? "application" : "img");

  // colours: RGBA of every patch. mask: patches to outline. mark: the patch to frame.
  function fill({ picture: of, view, painted, mask = null, mark = null, label = "" }) {
    shown = { view, mark };
    element.style.aspectRatio = aspect(view);
    picture.hidden = ground === "black";
    if (ground !== "black") portray(picture, view, of, WIDTH[small ? "small" : "large"], ground === "grey");
    if (painted) fillCanvas(colours, painted, rows, columns);
    // Without the padding: both reach beyond the frame, where the crop reaches beyond the picture.
    const [left, top, right, bottom] = view.inside;
    for (const layer of [colours, marks]) {
      layer.style.left = `${(-100 * left) / (right - left)}%`;
      layer.style.top = `${(-100 * top) / (bottom - top)}%`;
      layer.style.width = `${100 / (right - left)}%`;
      layer.style.height = `${100 / (bottom - top)}%`;
    }
    marks.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
    const pen = { fill: "none", stroke: SEEN, "vector-effect": "non-scaling-stroke" };
    marks.replaceChildren();
    if (mask) marks.append(make("path", { ...pen, "stroke-width": 1.3, d: outline(mask, rows, columns) }));
    if (mark) {
      const at = { x: mark[1], y: mark[0], width: 1, height: 1 };
      marks.append(make("rect", { ...pen, "stroke-width": small ? 1.5 : 2.5, ...at }));
    }
    if (!small) element.setAttribute("aria-label", asks ? label + KEYS : label);
  }

  return { element, fill };
}
