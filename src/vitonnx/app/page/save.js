// What is shown, to keep: the figure, the arrays, and the words that make them again.
import { drawFigure } from "./figure.js";
import { make, part } from "./make.js";
import { npz, words } from "./npz.js";
import { isPixel, modelOf, on, state } from "./state.js";

export function makeSave(answered) {
  const stem = (card) => card.answers()[0].picture.name?.replace(/\.[^.]*$/, "") ?? card.name;
  const nameOf = (card) => `${stem(card)}.${state.probe}${answered().length > 1 ? `.${card.name}` : ""}.npz`;
  const saveFigure = async () => keep(await drawFigure(part("maps")), `${stem(answered()[0])}.${state.probe}.png`);
  const saveArrays = () => answered().forEach((card) => keep(npz(arraysOf(card)), nameOf(card)));
  const button = (name, click, id) => make("button", { type: "button", id, click }, name);
  const [command, python] = ["Command line", "Python"].map((label) => make("pre", { tabindex: 0, role: "group", "aria-label": label }));
  part("save").append(make("h2", {}, "Save"), make("div", { class: "row" },
    button("Figure", saveFigure, "save-figure"), button("Arrays", saveArrays, "save-arrays"),
    button("Copy the link", ({ target }) => copy(location.href, target), "save-link")),
  ...[command, python].map((block) => make("details", {}, make("summary", {}, block.ariaLabel), block,
    button("Copy", ({ target }) => copy(block.textContent, target)))));
  on("answer", () => {
    part("save").hidden = !answered().length;
    if (!answered().length) return;
    [command.textContent, python.textContent] = [commandLine(answered()), pythonLines(answered())];
  });
}

function keep(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

async function copy(text, button) {
  const before = button.textContent;
  const done = await navigator.clipboard?.writeText(text).then(() => true, () => false);
  button.textContent = done ? "Copied" : "The browser lets nothing copy: mark it";
  setTimeout(() => (button.textContent = before), 2000);
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
  const crop = { dtype: "float64", shape: [views.length, 4], data: Float64Array.from(views.flatMap(({ view }) => view.crop)) };
  return { ...Object.fromEntries(stacked), crop, files: words(views.map(({ picture }) => picture.name)), skipped: words([]) };
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
  const { name } = answer.probe;
  return ["vitonnx", "probe", name, modelOf(first.name).command, ...files, ...options, ...compared, "-o", `${name}.npz`].map(inShell).join(" ");
}

function pythonLines(cards) {
  const asked = cards.flatMap((card) => {
    const name = JSON.stringify(modelOf(card.name).command);
    const [{ probe, arrays, ...answer }] = card.answers();
    const options = given({ probe, ...answer }).map((option) => `${option.name}=${inPython(option, answer.asked[option.name])}`);
    const question = `vx.${probe.class}(${options.join(", ")})`;
    const pictures = `[${card.answers().map(({ picture }) => JSON.stringify(picture.name)).join(", ")}]`;
    return ["", `engine = vx.Engine(${/[./]/.test(name) ? name : `demo_models()[${name}]`})`,
      probe.weights ? `found = engine.probe_weights(${question})` : `found = engine.probe(${pictures}, ${question})[-1]["${probe.name}"]`,
      `found.arrays()  # ${Object.keys(arrays).join(", ")}`];
  });
  const ours = asked.some((line) => line.includes("demo_models")) ? ["from vitonnx.demo import demo_models"] : [];
  return ["import vitonnx as vx", ...ours, ...asked].join("\n");
}

function inPython({ kind, several }, value) {
  if (several) return `(${value.map((each) => `${JSON.stringify(each)},`).join(" ")})`;
  if (isPixel(value)) return `(${value.replace(",", ", ")})`;
  return kind === "bool" ? value.replace(/^./, (letter) => letter.toUpperCase()) : kind === "str" ? JSON.stringify(value) : value;
}
