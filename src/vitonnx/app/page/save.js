// What is shown, to keep: the figure, the arrays, and the words that make them again.

import { drawFigure } from "./figure.js";
import { make, part } from "./make.js";
import { npz, words } from "./npz.js";
import { isPixel, modelOf, on, state } from "./state.js";

export function makeSave(cards) {
  const answered = () => cards().filter((card) => card.answers().length);
  const stem = () => answered()[0].answers()[0].picture?.name.replace(/\.[^.]*$/, "") ?? answered()[0].name;
  const lines = { "Command line": commandLine, Python: pythonLines };
  const blocks = Object.keys(lines).map((title) => [title, make("pre", { tabindex: 0, "aria-label": title })]);
  const button = (name, id, click) => make("button", { type: "button", id, click }, name);
  part("save").append(
    make("h2", {}, "Save"),
    make("div", { class: "row" },
      button("Figure", "save-figure", async () =>
        keep(await drawFigure(part("maps")), `${stem()}.${state.probe}.png`)),
      button("Arrays", "save-arrays", () => answered().forEach((card) =>
        keep(npz(arraysOf(card)), `${stem()}.${state.probe}${answered().length > 1 ? `.${card.name}` : ""}.npz`))),
      button("Copy the link", "save-link", (event) => copy(location.href, event.target))),
    ...blocks.map(([title, block]) => make("details", {}, make("summary", {}, title), block,
      button("Copy", null, (event) => copy(block.textContent, event.target)))));
  on("answer", () => {
    const shown = answered();
    part("save").hidden = !shown.length;
    if (shown.length) for (const [title, block] of blocks) block.textContent = lines[title](shown);
  });
}

function keep(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

async function copy(text, button) {
  const before = button.textContent;
  await navigator.clipboard?.writeText(text);
  button.textContent = navigator.clipboard ? "Copied" : "Mark it, and copy it by hand";
  setTimeout(() => (button.textContent = before), 2000);
}

// As `vitonnx probe` writes them: the pictures on a first axis; weights have none.
function arraysOf(card) {
  const views = card.answers();
  if (views[0].probe.weights) return views[0].arrays;
  const stacked = Object.entries(views[0].arrays).map(([name, { dtype, shape, data }]) => {
    const all = new data.constructor(views.length * data.length);
    views.forEach(({ arrays }, at) => all.set(arrays[name].data, at * data.length));
    return [name, { dtype, shape: [views.length, ...shape], data: all }];
  });
  const crop = Float64Array.from(views.flatMap(({ view }) => view.crop));
  const files = words(views.map(({ picture }) => picture.name));
  return { ...Object.fromEntries(stacked), crop: { dtype: "float64", shape: [views.length, 4], data: crop }, files, skipped: words([]) };
}

const inShell = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`);

// A file name that begins with a dash would be taken for an option.
const plain = (file) => (file.startsWith("-") ? `./${file}` : file);

function commandLine(cards) {
  const [first, ...others] = cards;
  const { probe, asked } = first.answers()[0];
  const files = first.answers().flatMap(({ picture }) => (picture ? [plain(picture.name)] : []));
  const options = probe.options.filter(({ name }) => name in asked).flatMap(({ name, flag, kind }) =>
    [asked[name]].flat().flatMap((value) => (kind === "bool" ? [flag] : [flag, value])));
  const compared = others.flatMap(({ name }) => ["--compare", modelOf(name).command]);
  return ["vitonnx", "probe", probe.name, modelOf(first.name).command, ...files, ...options, ...compared, "-o", `${probe.name}.npz`].map(inShell).join(" ");
}

function pythonLines(cards) {
  const commands = cards.map(({ name }) => modelOf(name).command);
  const packaged = (command) => !/[./]/.test(command);
  const lines = ["import vitonnx as vx", ...(commands.some(packaged) ? ["from vitonnx.demo import demo_models"] : [])];
  cards.forEach((card, at) => {
    const [{ probe, asked, picture, arrays }, ...more] = card.answers();
    const name = JSON.stringify(commands[at]);
    const given = probe.options.filter((option) => option.name in asked).map((option) => `${option.name}=${inPython(option, asked[option.name])}`);
    const question = `vx.${probe.class}(${given.join(", ")})`;
    const pictures = [picture, ...more.map((view) => view.picture)].map((each) => JSON.stringify(each?.name));
    lines.push("", `engine = vx.Engine(${packaged(commands[at]) ? `demo_models()[${name}]` : name})`,
      probe.weights ? `found = engine.probe_weights(${question})`
        : `found = engine.probe(${more.length ? `[${pictures.join(", ")}]` : pictures[0]}, ${question})[0]["${probe.name}"]`,
      `found.arrays()  # ${Object.keys(arrays).join(", ")}`);
  });
  return lines.join("\n");
}

function inPython({ kind, several }, value) {
  if (several) return `(${value.map((each) => `${JSON.stringify(each)},`).join(" ")})`;
  if (isPixel(value)) return `(${value.replace(",", ", ")})`;
  if (kind === "bool") return value === "true" ? "True" : "False";
  return kind === "str" ? JSON.stringify(value) : value;
}
