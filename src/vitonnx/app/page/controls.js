// Models, probes, and the options of the chosen probe, each in the control of its role.
import { make, part, short } from "./make.js";
import { change, choose, inWords, isPixel, labelOf, models, on, probe, probeOf, queries, set, state } from "./state.js";

export function makeControls() {
  part("models").append(make("h2", {}, "Models"), ...state.catalogue.models.map(makeModel));
  on("question", fill);
}

function makeModel({ name, size, patch }) {
  const chosen = () => [...part("models").querySelectorAll(":checked")].map(({ value }) => value);
  const box = make("input", { type: "checkbox", value: name, change: () => change({ models: chosen() }) });
  const about = `${size[1]} × ${size[0]} · patches of ${[patch].flat().join(" × ")}`;
  return make("label", { class: "check" }, box, make("span", {}, name, make("small", {}, about)));
}

let form = "";

function fill() {
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

// A control has elements, and a function that brings them up to date.
function makeField(option) {
  const id = `option-${option.name}`;
  const now = () => state.options[option.name] ?? option.default;
  const write = (value) => set(option.name, value);
  const { elements, sync } = ROLES[option.role](option, { id }, now, write);
  const label = make("label", { for: id }, labelOf(option.name).replace(/^./, (letter) => letter.toUpperCase()));
  const help = make("small", {}, option.help.split(/[.:] |\.$/)[0]);
  return Object.assign(make("div", { class: "field" }, label, ...elements, help), { sync });
}

function slider(looks, read, write) {
  const shown = make("output", { for: looks.id });
  const input = make("input", { ...looks, type: "range", input: () => write(Number(input.value)) });
  return { elements: [shown, input], sync: () => ([input.value, shown.textContent] = read()) };
}

function block({ default: usual }, looks, now, write) {
  const last = Math.max(...models().map(({ blocks }) => blocks)) - 1;
  const read = () => {
    const at = now() < 0 ? last + 1 + Number(now()) : Math.min(now(), last);
    return [at, `${at} of 0–${last}`];
  };
  const send = (value) => write(value === last && usual === -1 ? null : `${value}`);
  return slider({ ...looks, min: 0, max: last, step: 1 }, read, send);
}

function number(option, looks, now, write) {
  const { kind, least, most, optional } = option;
  if (kind !== "float") return text(option, { ...looks, type: "number", min: least, max: most }, now, write);
  const [min, max] = [least ?? 0, most ?? 1];
  const read = () => [now() ?? min, now() == null ? "none" : short(now())];
  const send = (value) => write(optional && value === min ? null : `${value}`);
  return slider({ ...looks, min, max, step: (max - min) / 100 }, read, send);
}

function choice({ name, choices, default: usual }, looks, now, write, more = () => choices) {
  const input = make("select", { ...looks, change: () => write(input.value) });
  const sync = () => {
    const others = more().filter((value) => value !== usual);
    input.replaceChildren(make("option", { value: "" }, usual ?? "default"),
      ...others.map((value) => make("option", { value }, inWords(value))));
    input.value = state.options[name] ?? "";
  };
  return { elements: [input], sync };
}

function query(option, looks, now, write) {
  return choice(option, looks, now, write, () => [...queries(option, models()[0]), ...[now()].filter(isPixel)]);
}

function toggle(option, looks, now, write) {
  const input = make("input", { ...looks, type: "checkbox", change: () => write(`${input.checked}`) });
  return { elements: [input], sync: () => (input.checked = `${now()}` === "true") };
}

function text({ name, default: usual }, looks, now, write) {
  const change = () => write(input.value.trim());
  const input = make("input", { type: "text", placeholder: usual ?? "", change, ...looks });
  return { elements: [input], sync: () => (input.value = state.options[name] ?? "") };
}

function classes(option, looks, now, write) {
  const names = (models()[0].classes ?? []).map((value) => make("option", { value }));
  const list = make("datalist", { id: `${looks.id}-list` }, ...names);
  const { elements, sync } = text(option, { ...looks, list: list.id, placeholder: "number or name" }, now, write);
  return { elements: [...elements, list], sync };
}
