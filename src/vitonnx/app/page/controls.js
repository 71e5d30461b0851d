// Models, probes, and the options of the chosen probe, each in the control of its role.

import { make, part, short } from "./make.js";
import { change, choose, deepest, isPixel, labelOf, models, on, probe, probeOf, queries, set, state } from "./state.js";

export function makeControls() {
  part("models").append(make("h2", {}, "Models"), ...state.catalogue.models.map(makeModel));
  part("options").append(make("h2", {}, "Options"), make("div", { class: "fields" }));
  on("question", fill);
  fill();
}

function makeModel({ name, size, patch, note }) {
  const box = make("input", { type: "checkbox", value: name, change() {
    const names = [...part("models").querySelectorAll("input:checked")].map(({ value }) => value);
    change({ models: names });
  } });
  const about = `${size[1]} × ${size[0]}, patches of ${[patch].flat()[0]} ${note ? `· ${note}` : ""}`;
  return make("label", { class: "check" }, box, make("span", {}, name, make("small", {}, about)));
}

let form = "";

function fill() {
  const boxes = [...part("models").querySelectorAll("input")];
  const count = state.models.length;
  for (const box of boxes) {
    box.checked = state.models.includes(box.value);
    box.disabled = box.checked ? count === 1 : count >= state.catalogue.limits.models;
  }
  const now = JSON.stringify([state.probe, state.models]);
  if (now !== form) {
    form = now;
    makeProbes();
    const { options } = probe();
    part("options").hidden = !options.length;
    part("options").querySelector(".fields").replaceChildren(...options.map(makeField));
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
  part("probes").replaceChildren(make("div", { class: "chips", role: "radiogroup", "aria-label": "Probe" }, ...chips),
    make("p", { class: "help" }, probe().help));
  if (focused) part("probes").querySelector("input:checked").focus();
}

const KINDS = { block: block, query: query, class: classes, number: number, choice: choice, switch: toggle, text: text };

function makeField(option) {
  const { controls, sync } = KINDS[option.role](option, `option-${option.name}`);
  const name = labelOf(option.name);
  const field = make("div", { class: "field" },
    make("label", { for: `option-${option.name}` }, name[0].toUpperCase() + name.slice(1)), ...controls,
    make("small", {}, option.help.split(/[.:] |\.$/)[0]));
  field.sync = sync;
  return field;
}

function slider(id, bounds, read, write) {
  const shown = make("output", { for: id });
  const input = make("input", { id, type: "range", ...bounds, input: () => write(input.value) });
  return { controls: [shown, input], sync() {
    const [value, words] = read();
    if (document.activeElement !== input || input.value !== value) input.value = value;
    shown.textContent = words;
  } };
}

function block({ name, default: usual }, id) {
  const last = deepest() - 1;
  const read = () => {
    const value = Number(state.options[name] ?? usual);
    const at = Math.min(last, value < 0 ? last + 1 + value : value);
    return [`${at}`, `${at} of 0–${last}`];
  };
  return slider(id, { min: 0, max: last, step: 1 }, read, (value) => set(name, Number(value) === last && usual === -1 ? null : value));
}

function number(option, id) {
  const { name, kind, default: usual, least, most, optional } = option;
  if (kind === "int") return text(option, id, { type: "number", min: least, max: most });
  const bounds = { min: least ?? 0, max: most ?? 1, step: ((most ?? 1) - (least ?? 0)) / 100 };
  const read = () => {
    const value = state.options[name] ?? usual;
    return [`${value ?? bounds.min}`, value == null ? "none" : short(Number(value))];
  };
  return slider(id, bounds, read, (value) => set(name, optional && Number(value) === bounds.min ? null : value));
}

function select(name, id, choices) {
  const input = make("select", { id, change: () => set(name, input.value) });
  return { controls: [input], sync() {
    input.replaceChildren(...choices().map(([value, words]) => make("option", { value }, words)));
    input.value = state.options[name] ?? "";
  } };
}

function choice({ name, choices, default: usual }, id) {
  const words = choices.filter((each) => each !== usual).map((each) => [each, each]);
  return select(name, id, () => [["", usual ?? "default"], ...words]);
}

function query(option, id) {
  return select(option.name, id, () => {
    const asked = state.options[option.name];
    const place = isPixel(asked) ? [[asked, `pixel y ${asked.split(",").join(", x ")}`]] : [];
    return [["", "default"], ...queries(option, models()[0]).map((name) => [name, name]), ...place];
  });
}

function toggle({ name, default: usual }, id) {
  const input = make("input", { id, type: "checkbox", change: () => set(name, `${input.checked}`) });
  return { controls: [input], sync: () => (input.checked = `${state.options[name] ?? usual}` === "true") };
}

function text({ name, default: usual }, id, more = {}) {
  const input = make("input", { id, type: "text", placeholder: usual ?? "", ...more, change: () => set(name, input.value.trim()) });
  return { controls: [input], sync: () => (input.value = state.options[name] ?? "") };
}

// A class by number or name. Where several may be asked, each stands below and goes by its button.
function classes({ name, several, default: usual }, id) {
  const list = make("datalist", { id: `${id}-list` }, ...(models()[0].classes ?? []).map((value) => make("option", { value })));
  const chosen = make("div", { class: "chosen" });
  const now = () => [state.options[name] ?? []].flat();
  const input = make("input", { id, type: "text", list: list.id, placeholder: usual ?? (several ? "predicted" : "any"), change() {
    const given = input.value.trim();
    if (!several) return set(name, given);
    if (given) set(name, [...new Set([...now(), given])]);
  } });
  return { controls: [input, list, chosen], sync() {
    input.value = several ? "" : now()[0] ?? "";
    chosen.replaceChildren(...(several ? now() : []).map((each) => make("button",
      { type: "button", "aria-label": `Leave out ${each}`, click: () => set(name, now().filter((other) => other !== each)) }, `${each} ×`)));
  } };
}
