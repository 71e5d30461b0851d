// Where pictures come from: a file, dropped, pasted or chosen; an example; a camera; a video.
import { follow, rate } from "./live.js";
import { make, part } from "./make.js";
import { on, probe, show, state } from "./state.js";

export const say = (sentence) => (part("message").textContent = sentence);

export function makeSources() {
  const second = makeSource("second", "Second picture");
  part("pictures").append(makeSource("picture", "Picture"), second);
  on("question", () => (second.hidden = !probe().second));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    take(second.contains(event.target) ? "second" : "picture", event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => take("picture", event.clipboardData.files[0]));
}

async function take(slot, file, example = false) {
  if (!file) return;
  say("");
  if (!file.type.startsWith("video/")) return show(slot, { source: file, name: file.name, example });
  await follow(slot, file, file.name).catch((error) => refuse(slot, error.message));
}

export function refuse(slot, sentence) {
  say(sentence);
  show(slot, null);
}

export async function showExample(slot, name) {
  const example = state.catalogue.examples.find((each) => each.name === name);
  if (!example || (state[slot]?.example && state[slot].name === name)) return;
  await take(slot, new File([await (await fetch(example.url)).blob()], name), true);
}

async function openCamera(slot) {
  say("");
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    await follow(slot, stream, "camera");
  } catch (error) {
    say(`The camera can't be used: ${error.message}`);
  }
}

function makeSource(slot, title) {
  const preview = make("div", { class: "preview" });
  const input = make("input", { type: "file", accept: "image/*,video/*", "data-slot": slot, change() {
    take(slot, input.files[0]);
    input.value = "";
  } });
  const camera = navigator.mediaDevices
    ? make("button", { type: "button", click: () => openCamera(slot) }, "Camera")
    : make("small", {}, "No camera: a browser gives one to https:// and localhost only.");
  const examples = state.catalogue.examples.map(({ name, url }) => make("button",
    { type: "button", class: "example", title: name, "aria-label": `Example ${name}`, click: () => showExample(slot, name) },
    make("img", { src: url, alt: "", loading: "lazy" })));
  on("answer", () => fill(preview, state[slot]));
  on("question", () => state[slot] || fill(preview, null));
  return make("div", { class: "source", hidden: slot === "second" }, make("h2", {}, title), preview,
    make("div", { class: "row" }, make("label", { class: "button" }, "Choose a file", input), camera),
    make("div", { class: "examples" }, ...examples));
}

function fill(preview, picture) {
  const [shown, note] = [picture?.live ?? picture?.whole, preview.lastChild];
  if (picture?.live && preview.shown === shown) note.textContent = rate(picture);
  if (preview.shown === shown) return;
  preview.shown = shown;
  if (!shown) return preview.replaceChildren();
  const { width, height, name } = picture.seen;
  if (picture.live) return preview.replaceChildren(shown, make("small", { class: "rate" }));
  const scale = Math.min(1, 600 / Math.max(shown.width, shown.height));
  const canvas = make("canvas", { width: scale * shown.width, height: scale * shown.height, role: "img", "aria-label": name });
  canvas.getContext("2d").drawImage(shown, 0, 0, canvas.width, canvas.height);
  preview.replaceChildren(canvas, make("small", {}, `${picture.name} · ${width} × ${height}`));
}
