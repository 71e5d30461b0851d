// Where pictures come from: a file, dropped, pasted or chosen; an example; a camera; a video.
import { make, part } from "./make.js";
import { on, probe, show, state, tell } from "./state.js";

const WHILE = 2000; // milliseconds over which the rate of maps is counted

export const say = (sentence) => (part("message").textContent = sentence);

export function makeSources() {
  const second = makeSource("second", "Second picture");
  part("pictures").append(makeSource("picture", "Picture"), second);
  on("question", () => (second.hidden = !probe().second));
  addEventListener("dragover", (event) => event.preventDefault()); // or the browser would open it
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
  const answer = await fetch(example.url).catch(() => null);
  if (answer?.ok) await take(slot, new File([await answer.blob()], name), true);
  else refuse(slot, `The example ${name} can't be fetched: try again.`);
}

function openCamera(slot) {
  say("");
  navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } })
    .then((stream) => follow(slot, stream, "camera"))
    .catch(({ message }) => say(`The camera can't be used: ${message}`));
}

// A camera or a video that plays: the maps follow at the rate of the machine. A frame that comes
// while another is asked is dropped; see how main.js answers.
async function follow(slot, source, name) {
  const stream = source instanceof MediaStream ? source : null;
  const live = make("video", { controls: true, loop: true, playsinline: true, "aria-label": name });
  Object.assign(live, { muted: true }, stream ? { srcObject: stream } : { src: URL.createObjectURL(source) });
  const picture = { live, file: stream ? null : source, name, times: [] };
  picture.stop = () => {
    live.pause();
    stream?.getTracks().forEach((track) => track.stop());
    URL.revokeObjectURL(live.src);
  };
  await live.play().catch(() => {
    picture.stop();
    throw new Error(`${name}: the browser can't play this video. All play H.264 in an .mp4.`);
  });
  const wait = live.requestVideoFrameCallback?.bind(live) ?? requestAnimationFrame;
  function frame() {
    if (state[slot] !== picture) return;
    picture.fresh = true;
    tell("frame");
    wait(frame);
  }
  show(slot, picture);
  wait(frame);
}

// Called for each frame that is asked.
export function count(picture) {
  const now = performance.now();
  picture.times = [...picture.times.filter((time) => time > now - WHILE), now];
}

const rate = ({ times }) =>
  `${((1000 * (times.length - 1)) / (times.at(-1) - times[0] || 1)).toFixed(1)} maps a second`;

function makeSource(slot, title) {
  const preview = make("div", { class: "preview" });
  const input = make("input", { type: "file", accept: "image/*,video/*", "data-slot": slot, change() {
    take(slot, input.files[0]);
    input.value = "";
  } });
  const camera = navigator.mediaDevices
    ? make("button", { type: "button", click: () => openCamera(slot) }, "Camera")
    : make("small", {}, "No camera: a browser gives one to https:// and localhost only.");
  const examples = state.catalogue.examples.map(({ name, url }) => make("button", {
    ...{ type: "button", class: "example", title: name, "aria-label": `Example ${name}` },
    click: () => showExample(slot, name),
  }, make("img", { src: url, alt: "", loading: "lazy" })));
  for (const event of ["answer", "question"]) on(event, () => fill(preview, state[slot]));
  return make("div", { class: "source", hidden: slot === "second" }, make("h2", {}, title), preview,
    make("div", { class: "row" }, make("label", { class: "button" }, "Choose a file", input), camera),
    make("div", { class: "examples" }, ...examples));
}

// What is chosen, once it was looked at.
function fill(preview, picture) {
  const shown = picture?.live ?? picture?.whole;
  if (preview.shown !== shown) {
    preview.replaceChildren(...(shown ? [picture.live ?? thumbnail(picture), make("small")] : []));
    preview.shown = shown;
  }
  if (!shown || !picture.seen) return;
  const { name, seen: { width, height } } = picture;
  preview.lastChild.textContent = picture.live ? rate(picture) : `${name} · ${width} × ${height}`;
}

function thumbnail({ whole, name }) {
  const scale = Math.min(1, 600 / Math.max(whole.width, whole.height));
  const [width, height] = [scale * whole.width, scale * whole.height];
  const canvas = make("canvas", { width, height, role: "img", "aria-label": name });
  canvas.getContext("2d").drawImage(whole, 0, 0, canvas.width, canvas.height);
  return canvas;
}
