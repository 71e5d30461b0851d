// Models, probes, and the options of the chosen probe, each in the control of its role.
import { make, part, short } from "./make.js";
import { change, choose, isPixel, labelOf, models, on, probe, probeOf, queries, set, state } from "./state.js";

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
  const { elements, sync } = ROLES[option.role](option, id);
  const label = make("label", { for: id }, labelOf(option.name).replace(/^./, (letter) => letter.toUpperCase()));
  const help = make("small", {}, option.help.split(/[.:] |\.$/)[0]);
  return Object.assign(make("div", { class: "field" }, label, ...elements, help), { sync });
}

function slider(id, bounds, read, write) {
  const shown = make("output", { for: id });
  const input = make("input", { id, type: "range", ...bounds, input: () => write(Number(input.value)) });
  return { elements: [shown, input], sync: () => ([input.value, shown.textContent] = read()) };
}

function block({ name, default: usual }, id) {
  const last = Math.max(...models().map(({ blocks }) => blocks)) - 1;
  const read = () => {
    const value = Number(state.options[name] ?? usual);
    const at = value < 0 ? last + 1 + value : Math.min(value, last);
    return [at, `${at} of 0–${last}`];
  };
  const write = (value) => set(name, value === last && usual === -1 ? null : `${value}`);
  return slider(id, { min: 0, max: last, step: 1 }, read, write);
}

function number(option, id) {
  const { name, kind, default: usual, least, most, optional } = option;
  if (kind !== "float") return text(option, id, { type: "number", min: least, max: most });
  const [min, max] = [least ?? 0, most ?? 1];
  const now = () => state.options[name] ?? usual;
  const read = () => [now() ?? min, now() == null ? "none" : short(now())];
  const write = (value) => set(name, optional && value === min ? null : `${value}`);
  return slider(id, { min, max, step: (max - min) / 100 }, read, write);
}

function choice({ name, choices, default: usual }, id, more = () => choices.filter((each) => each !== usual)) {
  const input = make("select", { id, change: () => set(name, input.value) });
  const sync = () => {
    const place = (value) => (isPixel(value) ? `pixel y ${value.split(",").join(", x ")}` : value);
    input.replaceChildren(make("option", { value: "" }, usual ?? "default"),
      ...more().map((value) => make("option", { value }, place(value))));
    input.value = state.options[name] ?? "";
  };
  return { elements: [input], sync };
}

function query(option, id) {
  const asked = () => [state.options[option.name]].filter(isPixel);
  return choice(option, id, () => [...queries(option, models()[0]), ...asked()]);
}

function toggle({ name, default: usual }, id) {
  const input = make("input", { id, type: "checkbox", change: () => set(name, `${input.checked}`) });
  return { elements: [input], sync: () => (input.checked = `${state.options[name] ?? usual}` === "true") };
}

function text({ name, default: usual }, id, more = {}) {
  const write = () => set(name, input.value.trim());
  const input = make("input", { id, type: "text", placeholder: usual ?? "", change: write, ...more });
  return { elements: [input], sync: () => (input.value = state.options[name] ?? "") };
}

// A class by number or name. Where several may be asked, each stands below and goes by its button.
function classes(option, id) {
  const { name, several } = option;
  const names = (models()[0].classes ?? []).map((value) => make("option", { value }));
  const list = make("datalist", { id: `${id}-list` }, ...names);
  const now = () => state.options[name] ?? [];
  const add = ({ target }) => set(name, [...new Set([...now(), target.value.trim()].filter(Boolean))]);
  const looks = { list: list.id, placeholder: "number or name" };
  const { elements: [input], sync } = text(option, id, several ? { ...looks, change: add } : looks);
  const chosen = make("div", { class: "chosen" });
  const leave = (each) => set(name, now().filter((other) => other !== each));
  const syncAll = () => {
    input.value = "";
    chosen.replaceChildren(...now().map((each) => make("button",
      { type: "button", "aria-label": `Leave out ${each}`, click: () => leave(each) }, `${each} ×`)));
  };
  return { elements: [input, list, chosen], sync: several ? syncAll : sync };
}
