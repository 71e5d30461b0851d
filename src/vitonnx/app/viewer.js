// Draws what _view.py says, and asks for the patch under the finger. Gradio gives `element`, `props`,
// `trigger` and `watch`.
const stage = element.querySelector(".viewer");
const spoken = element.querySelector(".spoken");
const table = bytes(props.colours);
// By model, as they are sent once for each picture.
const pictures = {};
const distances = {};
let head = -1; // of all models; -1 is the mean
let asker = null; // the model whose map has the keyboard
let wanted = null; // the next question, while another one is on its way
let onItsWay = -Infinity; // since when, in milliseconds
let heading = null; // the patch that the keys have gone to, before its answer is here
const PATIENCE = 2000; // after which an answer is given up: the page has said why in words

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function make(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "rect", "circle", "text"].includes(name);
  const made = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const short = (value) => Number(value.toPrecision(3)).toString();

// Over a picture, without the padding that the model saw round it: where all of its input lies.
function spread([left, top, right, bottom]) {
  const share = (value) => `${100 * value}%`;
  return `left: ${share(-left / (right - left))}; top: ${share(-top / (bottom - top))}; ` +
    `width: ${share(1 / (right - left))}; height: ${share(1 / (bottom - top))}`;
}

// One map over its picture: the colours of every patch, the outline of a mask, and the query.
function paint(place, found, index, { grid, inside }) {
  const [rows, columns] = grid;
  const style = spread(inside);
  const canvas = make("canvas", { width: columns, height: rows, style, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  bytes(found.maps[index]).forEach((level, patch) => {
    image.data.set(table.subarray(4 * level, 4 * level + 4), 4 * patch);
  });
  context.putImageData(image, 0, 0);
  const marks = make("svg", {
    viewBox: `0 0 ${columns} ${rows}`, preserveAspectRatio: "none", style, "aria-hidden": "true",
  });
  const mask = found.masks?.[index];
  if (mask) marks.append(make("path", { d: outline(bytes(mask), rows, columns) }));
  if (found.patch) {
    const [row, column] = found.patch;
    marks.append(make("rect", { x: column, y: row, width: 1, height: 1 }));
  }
  place.querySelector("canvas")?.remove();
  place.querySelector("svg")?.remove();
  place.append(canvas, marks);
}

// The edges between patches inside and outside.
function outline(mask, rows, columns) {
  const inside = (row, column) =>
    row >= 0 && row < rows && column >= 0 && column < columns && mask[row * columns + column];
  let path = "";
  for (let row = 0; row <= rows; row++) {
    for (let column = 0; column <= columns; column++) {
      const here = inside(row, column);
      if (Boolean(here) !== Boolean(inside(row - 1, column))) path += `M${column} ${row}h1`;
      if (Boolean(here) !== Boolean(inside(row, column - 1))) path += `M${column} ${row}v1`;
    }
  }
  return path;
}

function bar(found) {
  const strip = make("canvas", { width: 256, height: 1 });
  const context = strip.getContext("2d");
  const image = context.createImageData(256, 1);
  image.data.set(table);
  context.putImageData(image, 0, 0);
  const top = `${short(found.high)}${found.clipped ? " and more" : ""}`;
  return make(
    "div",
    { class: "bar", role: "img", "aria-label": `Colours: ${found.unit} from ${short(found.low)} to ${top}.` },
    make("span", {}, short(found.low)), strip, make("span", {}, top),
  );
}

function describe(model, found, index) {
  const which = !found.masks ? "Rollout" : index ? `Head ${index - 1}` : "Mean of the heads";
  const { row, column, value } = found.highest[index];
  return `${which} of ${model.name}, ${found.words.join(", ")}. ` +
    `Most, ${short(value)}, is at row ${row + 1}, column ${column + 1} of ` +
    `${model.grid[0]} by ${model.grid[1]} patches.`;
}

// How far every head of every block looks: a dot for each, the chosen head's filled.
function scatter(model, highest) {
  const [left, bottom, width, height] = [34, 108, 280, 100];
  const blocks = model.distance.length;
  const across = (block) => left + ((block + 0.5) / blocks) * width;
  const up = (value) => bottom - (value / highest) * height;
  const drawing = make("svg", { viewBox: "0 0 320 136", role: "img", "aria-label":
    `Mean attention distance of ${model.name} in pixels. ` + model.distance.map((heads, block) =>
      `Block ${block}: ${Math.min(...heads).toFixed(0)} to ${Math.max(...heads).toFixed(0)}.`).join(" ") });
  const write = (x, y, text, anchor) =>
    drawing.append(make("text", { x, y, "text-anchor": anchor }, text));
  for (const share of [0, 0.5, 1]) {
    const y = up(share * highest);
    drawing.append(make("path", { d: `M${left} ${y}h${width}` }));
    write(left - 5, y + 3, (share * highest).toFixed(0), "end");
  }
  const step = Math.ceil(blocks / 12);
  model.distance.forEach((heads, block) => {
    if (block % step === 0) write(across(block), bottom + 13, block, "middle");
    heads.forEach((value, number) => drawing.append(make("circle", {
      cx: across(block), cy: up(value), r: 2.6, class: number === head ? "chosen" : "",
    })));
  });
  write(left + width / 2, bottom + 26, "block", "middle");
  return drawing;
}

// From a place in the input, as shares of its sides, to the pixel of the picture that lies there.
function pixel(model, down, across) {
  const [left, top, right, bottom] = model.crop;
  const [first, high, last, low] = model.inside;
  const x = (share) => left + share * (right - left);
  const y = (share) => top + share * (bottom - top);
  const within = (value, from, to) =>
    Math.min(Math.max(Math.floor(value), Math.ceil(from - 0.5)), Math.ceil(to - 0.5) - 1);
  return { y: within(y(down), y(high), y(low)), x: within(x(across), x(first), x(last)) };
}

// Whether some of a patch is picture and not padding.
function shows(model, row, column) {
  const [left, top, right, bottom] = model.inside;
  const [rows, columns] = model.grid;
  return row + 1 > top * rows && row < bottom * rows &&
    column + 1 > left * columns && column < right * columns;
}

// One question is on its way at a time. What is wanted meanwhile waits, and only the last of it is
// asked: a finger that moves on does not want the patches that it has left.
function want(event, place) {
  wanted = { event, place };
  if (Date.now() > onItsWay + PATIENCE) send();
}

function send() {
  if (!wanted) return;
  const { event, place } = wanted;
  wanted = null;
  onItsWay = Date.now();
  trigger(event, place);
}

function arrived() {
  onItsWay = -Infinity;
  if (!wanted) heading = null;
  send();
}

function ask(model, down, across) {
  asker = model.name;
  want("ask", pixel(model, down, across));
}

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function step(event, model) {
  const [rows, columns] = model.grid;
  const before = heading ?? model.heads?.patch;
  if (event.key === "Home") {
    event.preventDefault();
    want("release", {});
  } else if (STEPS[event.key]) {
    event.preventDefault();
    const [down, across] = STEPS[event.key];
    const row = before ? before[0] + down : Math.floor(rows / 2);
    const column = before ? before[1] + across : Math.floor(columns / 2);
    if (!shows(model, row, column)) return;
    heading = [row, column];
    ask(model, (row + 0.5) / rows, (column + 0.5) / columns);
  }
}

function map(model, kind, picture) {
  const place = make("div", { class: "map" }, picture);
  place.addEventListener("click", (event) => {
    const box = place.getBoundingClientRect();
    const [left, top, right, bottom] = current(model.name).inside;
    const across = left + (right - left) * (event.clientX - box.left) / box.width;
    const down = top + (bottom - top) * (event.clientY - box.top) / box.height;
    ask(current(model.name), down, across);
  });
  if (kind === "heads") {
    place.tabIndex = 0;
    place.setAttribute("role", "application");
    place.setAttribute("aria-roledescription", "map of attention");
    place.addEventListener("keydown", (event) => step(event, current(model.name)));
  } else {
    place.setAttribute("role", "img");
  }
  return make("figure", { class: kind }, place, make("figcaption"), make("div", { class: "key" }));
}

const current = (name) => props.value.models.find((model) => model.name === name);

// Seven rows, whatever a model has, so that those of several models stand side by side.
function build(model) {
  const picture = () => make("img", { src: pictures[model.name], alt: "" });
  const classes = make("ol", { class: "classes", "aria-label": "Prediction" }, ...model.classes.map(
    ({ label, share }) => make("li", { style: `--share: ${100 * share}%` },
      make("span", {}, label), make("span", {}, percent(share))),
  ));
  const tiles = (model.heads?.maps ?? []).map((_, index) => {
    const name = index ? `head ${index - 1}` : "mean";
    const tile = make("button", { type: "button", class: "tile" },
      make("span", { class: "map" }, picture()), make("span", {}, name));
    tile.addEventListener("click", () => { head = index - 1; draw(); });
    return tile;
  });
  return make("section", { class: "model", "aria-label": model.name },
    make("h2", {}, model.name),
    make("p", { class: "note" }, model.note),
    classes.children.length ? classes : make("p", { class: "none" }, "It names no classes."),
    make("p", { class: "error", role: "alert" }),
    make("div", { class: "pair" }, map(model, "heads", picture()), map(model, "rollout", picture())),
    make("div", { class: "tiles", role: "group", "aria-label": `Heads of ${model.name}` }, ...tiles),
    make("figure", { class: "distance" },
      make("figcaption", {}, "How far each head looks: mean attention distance, in pixels of the input"),
      make("div", { class: "plot" })),
  );
}

// The index of the chosen head among the maps of a model, the mean's where it has no such head.
const shownHead = (heads) => (head + 1 < heads.maps.length ? head + 1 : 0);

function fill(card, model) {
  card.querySelector(".error").textContent = model.error ?? "";
  for (const kind of ["heads", "rollout"]) {
    const figure = card.querySelector(`figure.${kind}`);
    const found = model[kind];
    figure.hidden = !found;
    if (!found) continue;
    const index = kind === "heads" ? shownHead(found) : 0;
    const place = figure.querySelector(".map");
    paint(place, found, index, model);
    const keys = kind === "heads" ? " Arrow keys ask another patch; Home asks the default again." : "";
    place.setAttribute("aria-label", describe(model, found, index) + keys);
    const which = kind === "heads" ? (index ? [`head ${index - 1}`] : ["mean of the heads"]) : [];
    figure.querySelector("figcaption").textContent = [...which, ...found.words].join(" · ");
    figure.querySelector(".key").replaceChildren(bar(found));
  }
  const distance = distances[model.name];
  card.querySelector(".distance").hidden = !distance;
  if (distance) {
    const shown = props.value.models.flatMap(({ name }) => (distances[name] ?? []).flat());
    const plot = scatter({ ...model, distance }, Math.max(...shown));
    card.querySelector(".plot").replaceChildren(plot);
  }
  card.querySelectorAll(".tile").forEach((tile, index) => {
    tile.hidden = !model.heads;
    if (!model.heads) return;
    paint(tile.querySelector(".map"), model.heads, index, model);
    tile.setAttribute("aria-pressed", String(index === head + 1));
    tile.setAttribute("aria-label", index ? `head ${index - 1}` : "mean of the heads");
  });
}

// What a card is made of; where it is the same, only its maps are painted anew, and the focus stays.
const form = (model) => JSON.stringify([
  model.name, model.grid, model.inside, model.heads?.maps.length, model.classes, pictures[model.name],
]);

function draw() {
  const { models } = props.value;
  const forms = models.map(form);
  models.forEach((model, index) => {
    const before = stage.children[index];
    if (before?.form !== forms[index]) {
      const card = Object.assign(build(model), { form: forms[index] });
      if (before) before.replaceWith(card);
      else stage.append(card);
    }
    fill(stage.children[index], model);
  });
  while (stage.children.length > models.length) stage.lastChild.remove();
  const told = current(asker) ?? models[0];
  if (told?.heads) spoken.textContent = describe(told, told.heads, shownHead(told.heads));
}

function show() {
  if (!props.value?.models) {
    stage.replaceChildren();
    return;
  }
  for (const { name, picture, distance } of props.value.models) {
    if (!picture) continue;
    pictures[name] = picture;
    distances[name] = distance;
  }
  draw();
}

// Gradio may tell of a value more than once; each answer has a number of its own.
watch("value", () => {
  const { answer = "", visit = "", models = [] } = props.value ?? {};
  if (stage.dataset.answer === String(answer)) return;
  // What was asked of the picture before may come after the first answer on this one.
  if (visit && visit !== stage.dataset.visit && !models.some(({ picture }) => picture)) {
    arrived();
    return;
  }
  show();
  stage.dataset.answer = answer;
  stage.dataset.visit = visit;
  arrived();
});
show();
