// The page's address names what it shows: models, a picture that is an example, probe and options.
import { part } from "./make.js";
import { showExample } from "./sources.js";
import { change, modelOf, probe, state } from "./state.js";

const OPTION = "set-";
const SLOTS = ["picture", "second"];

export function writeLink() {
  const link = new URLSearchParams(state.models.map((name) => ["model", name]));
  for (const slot of SLOTS) if (state[slot]?.example) link.set(slot, state[slot].name);
  link.set("probe", state.probe);
  if (state.tile) link.set("tile", state.tile);
  for (const [name, value] of Object.entries(state.options)) link.set(OPTION + name, value);
  if (`#${link}` !== location.hash) history.replaceState(null, "", `#${link}`);
  part("link").href = `#${link}`;
}

export async function readLink() {
  const link = new URLSearchParams(location.hash.slice(1));
  const names = [...new Set(link.getAll("model"))].filter(modelOf);
  if (names.length) state.models = names.slice(0, state.catalogue.limits.models);
  if (probe(link.get("probe"))) state.probe = link.get("probe");
  for (const slot of SLOTS) await showExample(slot, link.get(slot));
  const given = probe().options.filter(({ name }) => link.has(OPTION + name));
  const options = Object.fromEntries(given.map(({ name }) => [name, link.get(OPTION + name)]));
  change({ options, tile: Number(link.get("tile")) || 0 });
}
