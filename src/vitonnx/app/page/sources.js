// Where pictures come from: a file, dropped, pasted or chosen; an example; a camera; a video.

import { follow, showRates } from "./live.js";
import { make, part } from "./make.js";
import { on, probe, show, state } from "./state.js";

const NO_CAMERA = "No camera: a browser gives one to https:// and localhost only.";
let say = null;

export function makeSources(speak) {
  say = speak;
  const second = makeSource("second", "Second picture");
  part("pictures").append(makeSource("picture", "Picture"), second);
  on("question", () => (second.hidden = !probe().second));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    take(second.contains(event.target) ? "second" : "picture", event.dataTransfer.files);
  });
  addEventListener("paste", (event) => take("picture", event.clipboardData.files));
  showRates();
}

function take(slot, [file]) {
  if (file) showFile(slot, file);
}

function showFile(slot, file, example = false) {
  say("");
  if (file.type.startsWith("video/")) return follow(slot, file, file.name, say);
  show(slot, { source: file, name: file.name, example });
}

export async function showExample(slot, name) {
  const example = state.catalogue.examples.find((each) => each.name === name);
  if (!example || (state[slot]?.example && state[slot].name === name)) return;
  const answer = await fetch(example.url);
  showFile(slot, new File([await answer.blob()], name), true);
}

async function openCamera(slot) {
  say("");
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    await follow(slot, stream, "camera", say);
  } catch (error) {
    say(`The camera can't be used: ${error.message}`);
  }
}

function makeSource(slot, title) {
  const preview = make("div", { class: "preview" });
  const input = make("input", { type: "file", accept: "image/*,video/*", "data-slot": slot, change() {
    take(slot, input.files);
    input.value = "";
  } });
  const camera = navigator.mediaDevices
    ? make("button", { type: "button", class: "camera", click: () => openCamera(slot) }, "Camera")
    : make("small", {}, NO_CAMERA);
  const examples = state.catalogue.examples.map(({ name, url }) => make("button",
    { type: "button", class: "example", title: name, "aria-label": `Example ${name}`, click: () => showExample(slot, name) },
    make("img", { src: url, alt: "", loading: "lazy" })));
  on("answer", () => fillPreview(preview, state[slot]));
  on("question", () => state[slot] || fillPreview(preview, null));
  return make("div", { class: "source", hidden: slot === "second" },
    make("h2", {}, title), preview,
    make("div", { class: "row" }, make("label", { class: "button" }, "Choose a file", input), camera),
    make("div", { class: "examples" }, ...examples));
}

function fillPreview(preview, picture) {
  if (preview.shown === (picture?.live ?? picture?.whole)) return;
  preview.shown = picture?.live ?? picture?.whole;
  if (!preview.shown) return preview.replaceChildren();
  if (picture.live) return preview.replaceChildren(picture.live, picture.rate);
  const { width, height } = picture.whole;
  const scale = Math.min(1, 600 / Math.max(width, height));
  const canvas = make("canvas", { width: scale * width, height: scale * height, role: "img", "aria-label": picture.name });
  canvas.getContext("2d").drawImage(picture.whole, 0, 0, canvas.width, canvas.height);
  preview.replaceChildren(canvas, make("small", {}, `${picture.name} · ${picture.seen.width} × ${picture.seen.height}`));
}
