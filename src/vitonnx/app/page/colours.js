// The colours of numbers: one scale for maps that stand together, and its bar.
import { fromBase64 } from "./arrays.js";
import { make, short } from "./make.js";
import { state } from "./state.js";

// Attention has sinks: a patch or two with many times the weight of all others. The colours end
// below those, or else everything but the sinks would be black.
const TOP = 0.995;
let table = null; // 256 colours, as they lie over a grey picture

export function scaleOf(values, fromZero) {
  const sorted = Float64Array.from(values, Number).sort();
  const at = (sorted.length - 1) * TOP;
  const [below, above] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  const low = fromZero ? 0 : sorted[0];
  let high = below + (above - below) * (at - Math.floor(at));
  // Where nearly all is equal, what little sticks out is the map.
  if (high <= low) high = Math.max(sorted.at(-1), low + 1e-9);
  return { low, high, clipped: sorted.at(-1) > high };
}

export function paint(values, { low, high }, opaque = false) {
  table ??= fromBase64(state.catalogue.colours.map);
  const colours = new Uint8ClampedArray(4 * values.length);
  values.forEach((value, at) => {
    const share = Math.min(1, Math.max(0, (Number(value) - low) / (high - low)));
    const level = Math.round(255 * share);
    colours.set(table.subarray(4 * level, 4 * level + 4), 4 * at);
    if (opaque) colours[4 * at + 3] = 255;
  });
  return colours;
}

export function canvasOf(colours, rows, columns) {
  const canvas = make("canvas", { width: columns, height: rows });
  canvas.getContext("2d").putImageData(new ImageData(colours, columns, rows), 0, 0);
  return canvas;
}

export function bar(scale, unit, opaque = false) {
  const levels = paint(Float64Array.from({ length: 256 }, (_, at) => at), { low: 0, high: 255 }, opaque);
  const [low, top] = [short(scale.low), `${short(scale.high)}${scale.clipped ? " and more" : ""}`];
  return make("div", { class: "bar", role: "img", "aria-label": `Colours: ${unit} from ${low} to ${top}.` },
    make("span", {}, low), canvasOf(levels, 1, 256), make("span", {}, top), make("span", {}, unit));
}

// The part of an array at an index of its first axis.
export function slice({ data, shape: [count] }, at) {
  return data.subarray((at * data.length) / count, ((at + 1) * data.length) / count);
}
