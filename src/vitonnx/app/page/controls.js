// Models, probes, and the options of the chosen probe, each in the control of its role.
import { make, part, short } from "./make.js";
import { change, choose, models, probe, probeOf, set, state } from "./state.js";
import { inWords, isPixel, labelOf, queries } from "./state.js";

export function makeControls() {
  const boxes = state.catalogue.models.map(makeModel);
  part("models").append(make("h2", {}, "Models"), ...boxes);
}

function makeModel({ name, size, patch }) {
  const chosen = () => [...part("models").querySelectorAll(":checked")].map(({ value }) => value);
  const box = make("input", { type: "checkbox", value: name, change: () => change({ models: chosen() }) });
  const about = `${size[1]} × ${size[0]} · patches of ${[patch].flat().join(" × ")}`;
  return make("label", { class: "check" }, box, make("span", {}, name, make("small", {}, about)));
}

let form = "";

// Shows what is chosen; where the probe and the models are as before, the focus stays.
export function showControls() {
  const count = state.models.length;
  for (const box of part("models").querySelectorAll("input")) {
    box.checked = state.models.includes(box.value);
    box.disabled = box.checked ? count === 1 : count >= state.catalogue.limits.models;
  }
  const now = JSON.stringify([state.probe, state.models]);
  if (now !== form) {
    form = now;
    makeProbes();
    part("options").hidden = !probe().options.length;
    part("options").replaceChildren(make("h2", {}, "Options"), ...probe().options.map(makeField));
  }
  for (const field of part("options").querySelectorAll(".field")) field.sync();
}

function makeProbes() {
  const focused = document.activeElement?.name === "probe";
  const names = [...new Set(models().flatMap(({ probes }) => probes.map(({ name }) => name)))];
  const chips = names.map((name) => {
    const refused = models().every((model) => probeOf(model, name)?.refused ?? true);
    const radio = make("input", { type: "radio", name: "probe", value: name, change: () => choose(name) });
    radio.checked = name === state.probe;
    return make("label", { class: `chip${refused ? " refused" : ""}` }, radio, make("span", {}, name));
  });
  const row = make("div", { class: "chips", role: "radiogroup", "aria-label": "Probe" }, ...chips);
  part("probes").replaceChildren(row, make("p", { class: "help" }, probe().help));
  if (focused) row.querySelector(":checked").focus();
}

const ROLES = { block, query, class: classes, number, choice, switch: toggle, text };

// A control has elements, the first of them its own, and a function that shows what is chosen.
function makeField(option) {
  const now = () => state.options[option.name] ?? option.default;
  const { elements, sync } = ROLES[option.role](option, (value) => set(option.name, value), now);
  const id = (elements[0].id = `option-${option.name}`);
  const called = labelOf(option.name).replace(/^./, (letter) => letter.toUpperCase());
  const label = make("label", { for: id }, called);
  const help = make("small", {}, option.help.split(/[.:] |\.$/)[0]);
  return Object.assign(make("div", { class: "field" }, label, ...elements, help), { sync });
}

// `read` gives the place of the handle, and what it means.
function slider(min, max, step, read, write) {
  const shown = make("output");
  const input = make("input", { type: "range", min, max, step, input: () => write(Number(input.value)) });
  return { elements: [input, shown], sync: () => ([input.value, shown.textContent] = read()) };
}

function block({ default: usual }, write, now) {
  const last = Math.max(...models().map(({ blocks }) => blocks)) - 1;
  const at = () => (now() < 0 ? last + 1 + Number(now()) : Math.min(now(), last));
  const ask = (value) => write(value === last && usual === -1 ? null : `${value}`);
  return slider(0, last, 1, () => [at(), `${at()} of 0–${last}`], ask);
}

function number(option, write, now) {
  const { kind, least, most, optional } = option;
  if (kind !== "float") return text(option, write, now, { type: "number", min: least, max: most });
  const [min, max] = [least ?? 0, most ?? 1];
  const read = () => [now() ?? min, now() == null ? "none" : short(now())];
  const ask = (value) => write(optional && value === min ? null : `${value}`);
  return slider(min, max, (max - min) / 100, read, ask);
}

function choice({ name, choices, default: usual }, write, now, more = () => choices) {
  const input = make("select", { change: () => write(input.value) });
  const sync = () => {
    const others = more().filter((value) => value !== usual);
    input.replaceChildren(make("option", { value: "" }, usual ?? "default"),
      ...others.map((value) => make("option", { value }, inWords(value))));
    input.value = state.options[name] ?? "";
  };
  return { elements: [input], sync };
}

function query(option, write, now) {
  return choice(option, write, now, () => [...queries(option, models()[0]), ...[now()].filter(isPixel)]);
}

function toggle(option, write, now) {
  const input = make("input", { type: "checkbox", change: () => write(`${input.checked}`) });
  return { elements: [input], sync: () => (input.checked = `${now()}` === "true") };
}

function text({ name, default: usual }, write, now, looks = { type: "text" }) {
  const change = () => write(input.value.trim());
  const input = make("input", { placeholder: usual ?? "", change, ...looks });
  return { elements: [input], sync: () => (input.value = state.options[name] ?? "") };
}

function classes(option, write, now) {
  const names = (models()[0].classes ?? []).map((value) => make("option", { value }));
  const list = make("datalist", { id: "classes" }, ...names);
  const looks = { type: "text", list: "classes", placeholder: "number or name" };
  const { elements, sync } = text(option, write, now, looks);
  return { elements: [...elements, list], sync };
}
