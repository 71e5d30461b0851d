// The page's address names what it shows: models, a picture that is an example, probe and options.
import { showExample } from "./sources.js";
import { change, modelOf, probe, state } from "./state.js";

const OPTION = "set-";
const RARELY = 250; // milliseconds: browsers bear few changes of the address
let waiting = 0;

export function writeLinkSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(writeLink, RARELY);
}

function writeLink() {
  const link = new URLSearchParams(state.models.map((name) => ["model", name]));
  for (const slot of ["picture", "second"]) if (state[slot]?.example) link.set(slot, state[slot].name);
  link.set("probe", state.probe);
  if (state.tile) link.set("tile", state.tile);
  for (const [name, value] of Object.entries(state.options)) {
    for (const each of [value].flat()) link.append(OPTION + name, each);
  }
  if (`#${link}` !== location.hash) history.replaceState(null, "", `#${link}`);
}

export async function readLink() {
  const link = new URLSearchParams(location.hash.slice(1));
  const names = [...new Set(link.getAll("model"))].filter(modelOf);
  if (names.length) state.models = names.slice(0, state.catalogue.limits.models);
  if (probe(link.get("probe"))) state.probe = link.get("probe");
  for (const slot of ["picture", "second"]) await showExample(slot, link.get(slot));
  const options = probe().options.flatMap(({ name, several }) => {
    const given = link.getAll(OPTION + name);
    return given.length ? [[name, several ? given : given[0]]] : [];
  });
  change({ options: Object.fromEntries(options), tile: Number(link.get("tile")) || 0 });
}
