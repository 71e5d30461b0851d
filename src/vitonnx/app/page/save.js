// What is shown, to keep: the figure, the arrays, and the words that make them again.
import { npz, words } from "./arrays.js";
import { drawFigure } from "./figure.js";
import { make, part } from "./make.js";
import { say } from "./sources.js";
import { isPixel, modelOf, models, on, question, state } from "./state.js";

export function makeSave(answered) {
  const stem = () => {
    const [card] = answered();
    return `${card.answers()[0].picture.name?.replace(/\.[^.]*$/, "") ?? card.name}.${state.probe}`;
  };
  const button = (name, click, id) => make("button", { type: "button", id, click }, name);
  const saveFigure = async () => keep(await drawFigure(part("maps")), `${stem()}.png`);
  const figure = button("Figure", saveFigure, "save-figure");
  const arrays = button("Arrays", () => {
    const cards = answered();
    const nameOf = ({ name }) => (cards.length > 1 ? `${stem()}.${name}.npz` : `${stem()}.npz`);
    for (const card of cards) keep(npz(arraysOf(card)), nameOf(card));
  }, "save-arrays");
  const video = button("Video", () => makeVideo(video, answered(), `${stem()}.mp4`), "save-video");
  const link = make("a", { id: "link", class: "button", href: "#" }, "Link to this");
  const row = make("div", { class: "row" }, figure, arrays, video, link);
  const recipes = { "Command line": commandLine, Python: pythonLines };
  const blocks = Object.keys(recipes).map((name) =>
    make("pre", { tabindex: 0, role: "group", "aria-label": name }));
  part("save").append(make("h2", {}, "Save"), row,
    ...blocks.map((block) => make("details", {}, make("summary", {}, block.ariaLabel), block)));
  on("answer", () => {
    part("save").hidden = !answered().length;
    video.hidden = !(state.engine.video && state.picture?.file);
    if (!answered().length) return;
    for (const block of blocks) block.textContent = recipes[block.ariaLabel](answered());
  });
}

function keep(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

let making = null; // while the server makes a video

// A video with the maps of every frame; another click ends it.
async function makeVideo(button, cards, called) {
  if (making) return making.abort();
  making = new AbortController();
  const { file, name } = state.picture;
  // All models are asked alike: where one lacks the block, each shows its last.
  const [shallowest] = models().sort((one, other) => one.blocks - other.blocks);
  const options = question(shallowest, cards[0].answers()[0].probe);
  const asked = { name, models: cards.map((card) => card.name), probe: state.probe, options };
  const progress = (share, words) => (button.textContent = `${words} ${Math.round(100 * share)} % · stop`);
  await state.engine.video(file, asked, progress, making.signal)
    .then((made) => made && keep(made, called), ({ message }) => say(message));
  [making, button.textContent] = [null, "Video"];
}

// As `vitonnx probe` writes them: the pictures on a first axis; weights have none.
function arraysOf(card) {
  const views = card.answers();
  const [{ probe, arrays }] = views;
  if (probe.weights) return arrays;
  const stacked = Object.entries(arrays).map(([name, { dtype, shape, data }]) => {
    const all = new data.constructor(views.length * data.length);
    views.forEach((view, at) => all.set(view.arrays[name].data, at * data.length));
    return [name, { dtype, shape: [views.length, ...shape], data: all }];
  });
  const crops = Float64Array.from(views.flatMap(({ view }) => view.crop));
  const crop = { dtype: "float64", shape: [views.length, 4], data: crops };
  const files = words(views.map(({ picture }) => picture.name));
  return { ...Object.fromEntries(stacked), crop, files, skipped: words([]) };
}

const inShell = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`);
const given = ({ probe, asked }) => probe.options.filter(({ name }) => name in asked);

function commandLine([first, ...others]) {
  const [answer] = first.answers();
  // A file name that begins with a dash would be taken for an option.
  const files = first.answers().flatMap(({ picture }) => picture.name?.replace(/^-/, "./-") ?? []);
  const options = given(answer).flatMap(({ name, flag, kind }) =>
    [answer.asked[name]].flat().flatMap((value) => (kind === "bool" ? [flag] : [flag, value])));
  const compared = others.flatMap(({ name }) => ["--compare", modelOf(name).command]);
  const asked = [state.probe, modelOf(first.name).command, ...files, ...options, ...compared];
  return ["vitonnx", "probe", ...asked, "-o", `${state.probe}.npz`].map(inShell).join(" ");
}

function pythonLines(cards) {
  const lines = cards.flatMap((card) => {
    const name = JSON.stringify(modelOf(card.name).command);
    const views = card.answers();
    const [{ probe, arrays, asked }] = views;
    const options = given(views[0]).map((option) => `${option.name}=${inPython(option, asked[option.name])}`);
    const question = `vx.${probe.class}(${options.join(", ")})`;
    const pictures = `[${views.map(({ picture }) => JSON.stringify(picture.name)).join(", ")}]`;
    const found = probe.weights
      ? `probe_weights(${question})` : `probe(${pictures}, ${question})[-1]["${probe.name}"]`;
    return ["", `engine = vx.Engine(${/[./]/.test(name) ? name : `demo_models()[${name}]`})`,
      `found = engine.${found}`, `found.arrays()  # ${Object.keys(arrays).join(", ")}`];
  });
  const isOurs = lines.some((line) => line.includes("demo_models"));
  const imports = ["import vitonnx as vx", isOurs ? "from vitonnx.demo import demo_models" : ""];
  return [...imports.filter(Boolean), ...lines].join("\n");
}

function inPython({ kind, several }, value) {
  if (several) return `(${[value].flat().map((each) => `${JSON.stringify(each)},`).join(" ")})`;
  if (isPixel(value)) return `(${value.replace(",", ", ")})`;
  if (kind === "bool") return value === "true" ? "True" : "False";
  return kind === "str" ? JSON.stringify(value) : value;
}
