// A map at its place over a picture. Where a probe has a query, a click or the keys ask another.
import { canvasOf } from "./colours.js";
import { make } from "./make.js";
import { patchAt, pixel, shows } from "./place.js";
import { isPixel, set, state } from "./state.js";

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const KEYS = " Arrow keys ask another patch; Home asks the default again.";
const PEN = "#4de8ff"; // of frames and outlines: seen on any picture and any colour
const [LARGE, SMALL] = [720, 160]; // pixels across

export function makeMap({ grid }, { asks = false, small = false }) {
  const [rows, columns] = grid;
  const asking = { class: "map asks", role: "application", tabindex: 0, click, keydown: step };
  const element = make("canvas", asks ? asking : { class: "map", role: small ? null : "img" });
  let [seen, framed] = [null, null];
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
    const from = isPixel(query) ? patchAt(seen, grid, query.split(",").map(Number)) : framed;
    const [down, across] = from ? STEPS[event.key] : [0, 0];
    const [row, column] = from ?? [Math.floor(rows / 2), Math.floor(columns / 2)];
    const to = [row + down, column + across];
    if (shows(seen, grid, to)) ask((to[0] + 0.5) / rows, (to[1] + 0.5) / columns);
  }

  // painted: RGBA of every patch. mask: patches to outline. mark: the patch to frame.
  function fill({ view, picture }, { painted, mask = null, mark = null, alone = false }, label) {
    [seen, framed] = [view, mark];
    view.portrait ??= portray(view, picture);
    const width = small ? SMALL : LARGE;
    const height = Math.max(1, Math.round((width * view.portrait.height) / view.portrait.width));
    Object.assign(element, { width, height });
    const pen = element.getContext("2d");
    if (!alone) pen.drawImage(view.portrait, 0, 0, width, height);
    // In patches: they reach beyond the frame where the crop reaches beyond the picture.
    const [left, top, right, bottom] = view.inside;
    const [wide, high] = [width / (right - left), height / (bottom - top)];
    pen.setTransform(wide / columns, 0, 0, high / rows, -left * wide, -top * high);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(canvasOf(painted, rows, columns), 0, 0);
    pen.strokeStyle = PEN;
    if (mask) stroke(pen, width / 320, () => outline(pen, mask, grid));
    if (mark) stroke(pen, width / (small ? 100 : 220), () => pen.rect(mark[1], mark[0], 1, 1));
    element.dataset.framed = mark ?? "";
    element.dataset.outlined = Boolean(mask);
    if (!small) element.setAttribute("aria-label", asks ? label + KEYS : label);
  }

  return { element, fill };
}

// Lines are as wide down as across, though patches on the page may not be.
function stroke(pen, lineWidth, draw) {
  pen.save();
  pen.beginPath();
  draw();
  pen.resetTransform();
  Object.assign(pen, { lineWidth });
  pen.stroke();
  pen.restore();
}

// The edges between patches inside and outside of a mask.
function outline(pen, mask, [rows, columns]) {
  const isInside = (row, column) => column >= 0 && column < columns && mask[row * columns + column] > 0;
  for (let row = 0; row <= rows; row++) {
    for (let column = 0; column <= columns; column++) {
      for (const [down, across] of [[0, 1], [1, 0]]) {
        if (isInside(row, column) === isInside(row - across, column - down)) continue;
        pen.moveTo(column, row);
        pen.lineTo(column + across, row + down);
      }
    }
  }
}

// The part of a picture that a model sees, in grey, for colours to lie over it.
function portray({ crop: [left, top, right, bottom] }, { whole, seen }) {
  const [x, y] = [Math.max(0, left), Math.max(0, top)];
  const [w, h] = [Math.min(right, seen.width) - x, Math.min(bottom, seen.height) - y];
  const canvas = make("canvas", { width: LARGE, height: Math.max(1, Math.round((LARGE * h) / w)) });
  const pen = canvas.getContext("2d");
  const [across, down] = [whole.width / seen.width, whole.height / seen.height];
  pen.drawImage(whole, x * across, y * down, w * across, h * down, 0, 0, LARGE, canvas.height);
  for (const [mode, colour] of [["saturation", "#000"], ["multiply", "#e6e6e6"]]) {
    Object.assign(pen, { globalCompositeOperation: mode, fillStyle: colour });
    pen.fillRect(0, 0, LARGE, canvas.height);
  }
  return canvas;
}
