// A map at its place over a picture. Where a probe has a query, a click or the keys ask another.
import { fillCanvas } from "./colours.js";
import { make } from "./make.js";
import { aspect, outline, patchAt, pixel, portray, shows } from "./place.js";
import { isPixel, set, state } from "./state.js";

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const KEYS = " Arrow keys ask another patch; Home asks the default again.";
// Frames and outlines, seen on any picture and any colour.
const PEN = { fill: "none", stroke: "#4de8ff", "vector-effect": "non-scaling-stroke" };

export function makeMap({ grid: [rows, columns] }, { asks = false, small = false }) {
  const [picture, colours] = [make("canvas"), make("canvas", { class: "patches" })];
  const box = { preserveAspectRatio: "none", viewBox: `0 0 ${columns} ${rows}`, "aria-hidden": "true" };
  const marks = make("svg", box);
  const asking = { class: "map asks", role: "application", tabindex: 0, click, keydown: step };
  const still = { class: "map", role: small ? null : "img" };
  const element = make("div", asks ? asking : still, picture, colours, marks);
  let [seen, framed, drawn] = [null, null, null];
  const ask = (down, across) => set("query", pixel(seen, down, across).join(","));

  function click(event) {
    const box = element.getBoundingClientRect();
    const [left, top, right, bottom] = seen.inside;
    ask(top + ((bottom - top) * (event.clientY - box.top)) / box.height,
      left + ((right - left) * (event.clientX - box.left)) / box.width);
  }

  // From the patch that was asked for last, though its answer may not be here yet.
  function step(event) {
    if (event.key !== "Home" && !STEPS[event.key]) return;
    event.preventDefault();
    if (event.key === "Home") return set("query", null);
    const { query } = state.options;
    const from = isPixel(query) ? patchAt(seen, [rows, columns], query.split(",").map(Number)) : framed;
    const [down, across] = from ? STEPS[event.key] : [0, 0];
    const [row, column] = from ?? [Math.floor(rows / 2), Math.floor(columns / 2)];
    const to = [row + down, column + across];
    if (shows(seen, [rows, columns], to)) ask((to[0] + 0.5) / rows, (to[1] + 0.5) / columns);
  }

  // painted: RGBA of every patch. mask: patches to outline. mark: the patch to frame.
  function fill({ view, picture: shown }, { painted, mask = null, mark = null, alone = false }, label) {
    [seen, framed] = [view, mark];
    element.style.aspectRatio = aspect(view);
    picture.hidden = alone;
    if (!alone && drawn !== shown.whole) portray(picture, view, (drawn = shown.whole), shown.seen, small ? 160 : 720);
    fillCanvas(colours, painted, rows, columns);
    // Both reach beyond the frame, where the crop reaches beyond the picture.
    const [left, top, right, bottom] = view.inside;
    for (const { style } of [colours, marks]) {
      [style.left, style.top] = [`${(-100 * left) / (right - left)}%`, `${(-100 * top) / (bottom - top)}%`];
      [style.width, style.height] = [`${100 / (right - left)}%`, `${100 / (bottom - top)}%`];
    }
    marks.replaceChildren();
    if (mask) marks.append(make("path", { ...PEN, "stroke-width": 1.3, d: outline(mask, rows, columns) }));
    const frame = mark && { x: mark[1], y: mark[0], width: 1, height: 1, "stroke-width": small ? 1.5 : 2.5 };
    if (mark) marks.append(make("rect", { ...PEN, ...frame }));
    if (!small) element.setAttribute("aria-label", asks ? label + KEYS : label);
  }

  return { element, fill };
}
