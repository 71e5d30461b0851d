// One value for every head of every block: a dot for each, the chosen head's filled.

import { make } from "./make.js";
import { state } from "./state.js";

const [LEFT, BOTTOM, WIDTH, HEIGHT] = [38, 168, 432, 156];
const QUIET = { stroke: "currentColor", "stroke-opacity": 0.18 };

const tops = new Map(); // model to its highest value: side by side they have one scale

export function drawTable({ model }) {
  const plot = make("div", { class: "plot" });
  const caption = make("figcaption");
  const element = make("figure", {}, plot, caption);

  function fill([{ finding, words }]) {
    tops.set(model.name, { unit: finding.unit, top: Math.max(...finding.values.data) });
    const shown = state.models.map((name) => tops.get(name)).filter((each) => each?.unit === finding.unit);
    plot.replaceChildren(scatter(model, finding, Math.max(...shown.map(({ top }) => top)) || 1));
    caption.textContent = [finding.title, finding.unit, ...words].join(" · ");
  }

  return { element, fill, told: ([{ finding }]) => describe(model, finding) };
}

const rowsOf = ({ values: { data, shape: [blocks, heads] } }) =>
  Array.from({ length: blocks }, (_, block) => [...data.subarray(block * heads, (block + 1) * heads)]);

const digits = (value, top) => value.toFixed(top < 10 ? (top < 1 ? 2 : 1) : 0);

function describe(model, finding) {
  const top = Math.max(...finding.values.data);
  const blocks = rowsOf(finding).map((heads, block) =>
    `Block ${block}: ${digits(Math.min(...heads), top)} to ${digits(Math.max(...heads), top)}.`);
  return `${finding.title} of ${model.name}, ${finding.unit}. ${blocks.join(" ")}`;
}

function scatter(model, finding, highest) {
  const blocks = rowsOf(finding);
  const across = (block) => LEFT + ((block + 0.5) / blocks.length) * WIDTH;
  const up = (value) => BOTTOM - (value / highest) * HEIGHT;
  const drawing = make("svg", { viewBox: "0 0 480 204", role: "img", "aria-label": describe(model, finding) });
  const write = (x, y, text, anchor) => drawing.append(
    make("text", { x, y, "text-anchor": anchor, fill: "currentColor", "font-size": 11 }, `${text}`));
  for (const share of [0, 0.5, 1]) {
    const y = up(share * highest);
    drawing.append(make("path", { d: `M${LEFT} ${y}h${WIDTH}`, ...QUIET }));
    write(LEFT - 6, y + 4, digits(share * highest, highest), "end");
  }
  const step = Math.ceil(blocks.length / 12);
  blocks.forEach((heads, block) => {
    if (block % step === 0) write(across(block), BOTTOM + 16, block, "middle");
    heads.forEach((value, head) => drawing.append(make("circle", {
      cx: across(block), cy: up(value), r: head === state.tile - 1 ? 4.5 : 3.5, fill: "currentColor",
      "fill-opacity": head === state.tile - 1 ? 1 : 0.35,
    }, make("title", {}, `block ${block}, head ${head}: ${value.toPrecision(3)}`))));
  });
  write(LEFT + WIDTH / 2, BOTTOM + 32, "block", "middle");
  return drawing;
}
