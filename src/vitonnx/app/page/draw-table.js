// One value for every head of every block: a dot for each, the chosen head's filled.
import { make } from "./make.js";
import { state } from "./state.js";

const [LEFT, BOTTOM, WIDTH, HEIGHT] = [38, 168, 432, 156];
const LINE = { stroke: "currentColor", "stroke-opacity": 0.18 };
const tops = new Map(); // model to its highest value: side by side they have one scale

export function drawTable({ finding, words }, model) {
  const { unit, title, values: { data, shape: [count, heads] } } = finding;
  tops.set(model.name, { unit, top: Math.max(...data) });
  const beside = state.models.map((name) => tops.get(name)).filter((each) => each?.unit === unit);
  const highest = Math.max(...beside.map(({ top }) => top)) || 1;
  const say = (value) => value.toFixed(highest < 1 ? 2 : highest < 10 ? 1 : 0);
  const blocks = Array.from({ length: count }, (_, at) => [...data.subarray(at * heads, (at + 1) * heads)]);
  const range = (values) => `${say(Math.min(...values))} to ${say(Math.max(...values))}`;
  const told = blocks.map((values, block) => `Block ${block}: ${range(values)}.`).join(" ");
  const label = `${title} of ${model.name}, ${unit}. ${told}`;
  const plot = make("svg", { viewBox: "0 0 480 204", role: "img", "aria-label": label });
  const across = (block) => LEFT + ((block + 0.5) / count) * WIDTH;
  const up = (value) => BOTTOM - (value / highest) * HEIGHT;
  const write = (x, y, text, anchor = "middle") =>
    plot.append(make("text", { x, y, "text-anchor": anchor, fill: "currentColor", "font-size": 11 }, text));
  for (const value of [0, highest / 2, highest]) {
    plot.append(make("path", { d: `M${LEFT} ${up(value)}h${WIDTH}`, ...LINE }));
    write(LEFT - 6, up(value) + 4, say(value), "end");
  }
  blocks.forEach((values, block) => {
    if (block % Math.ceil(count / 12) === 0) write(across(block), BOTTOM + 16, `${block}`);
    values.forEach((value, head) => {
      const look = head === state.tile - 1 ? { r: 4.5 } : { r: 3.5, "fill-opacity": 0.35 };
      plot.append(make("circle", { cx: across(block), cy: up(value), fill: "currentColor", ...look },
        make("title", {}, `block ${block}, head ${head}: ${value.toPrecision(3)}`)));
    });
  });
  write(LEFT + WIDTH / 2, BOTTOM + 32, "block");
  return [make("figure", { class: "plot" }, plot, make("figcaption", {}, [title, unit, ...words].join(" · ")))];
}
