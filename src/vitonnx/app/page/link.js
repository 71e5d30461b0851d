// The page's address names what it shows: models, a picture that is an example, probe and options.

import { showExample } from "./sources.js";
import { change, modelOf, state } from "./state.js";

const SET = "set-";

export function writeLink() {
  const link = new URLSearchParams(state.models.map((name) => ["model", name]));
  for (const slot of ["picture", "second"]) if (state[slot]?.example) link.set(slot, state[slot].name);
  link.set("probe", state.probe);
  if (state.tile) link.set("tile", state.tile);
  for (const [name, value] of Object.entries(state.options)) {
    for (const each of [value].flat()) link.append(SET + name, each);
  }
  const hash = `#${link}`;
  if (hash !== location.hash) history.replaceState(null, "", hash);
}

export async function readLink() {
  const link = new URLSearchParams(location.hash.slice(1));
  const models = link.getAll("model").filter(modelOf).slice(0, state.catalogue.limits.models);
  if (models.length) state.models = models;
  if (modelOf(state.models[0]).probes.some(({ name }) => name === link.get("probe"))) {
    state.probe = link.get("probe");
  }
  for (const slot of ["picture", "second"]) await showExample(slot, link.get(slot));
  const { options } = modelOf(state.models[0]).probes.find(({ name }) => name === state.probe);
  const several = (name) => options.some((option) => option.name === name && option.several);
  const given = [...new Set(link.keys())].filter((key) => key.startsWith(SET)).map((key) => {
    const name = key.slice(SET.length);
    return [name, several(name) ? link.getAll(key) : link.get(key)];
  });
  change({ options: Object.fromEntries(given), tile: Number(link.get("tile")) || 0 });
}
