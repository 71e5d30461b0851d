// What the page shows, and how it changes.
export const state = {
  models: [], // names, as they stand side by side
  options: {}, // as text, by name
  tile: 0, // which of several maps is shown large, in all models
  ...{ catalogue: null, engine: null, probe: "", picture: null, second: null },
};

const changes = new EventTarget();
// "question": to be asked anew. "frame": so is a new frame of a video. "tile": to be drawn anew.
// "answer": has been drawn.
export const on = (event, react) => changes.addEventListener(event, () => react());
export const tell = (event) => changes.dispatchEvent(new Event(event));
export const change = (values, event = "question") => Object.assign(state, values) && tell(event);

export const modelOf = (name) => state.catalogue.models.find((model) => model.name === name);
export const models = () => state.models.map(modelOf);
export const probeOf = (model, name = state.probe) => model.probes.find((probe) => probe.name === name);
export const probe = (name) => models().map((model) => probeOf(model, name)).find(Boolean);
export const isPixel = (query) => /^-?\d+,-?\d+$/.test(query ?? "");
export const inWords = (query) => (isPixel(query) ? `pixel y ${query.split(",").join(", x ")}` : query);
export const labelOf = (name) => name.replace(/_$/, "").replaceAll("_", " ");

// A picture takes the place of another, whose kept values may then be forgotten.
export function show(slot, picture) {
  const { seen, before = null, stop } = state[slot] ?? {};
  stop?.();
  if (picture) picture.before = seen ?? before;
  else if (seen ?? before) state.engine.forget(seen ?? before);
  if (slot === "picture" && isPixel(state.options.query)) delete state.options.query;
  change({ [slot]: picture });
}

export function set(name, value) {
  const usual = probe().options.find((option) => option.name === name)?.default;
  const options = { ...state.options, [name]: value };
  if (value == null || value === "" || value === `${usual}`) delete options[name];
  change({ options });
}

export const queries = ({ choices }, { tokens }) =>
  choices.length ? choices : [...tokens.map(([name]) => name), "mean"];

// A block and a pixel mean the same to every probe; other options begin anew.
export function choose(name) {
  const isShared = ([option, value]) => option === "block" || (option === "query" && isPixel(value));
  change({ probe: name, options: Object.fromEntries(Object.entries(state.options).filter(isShared)) });
}

// The options that one model is asked with: a model that lacks the block shows its last.
export function question({ blocks }, { options }) {
  const asked = {};
  for (const { name, role, several, default: usual } of options) {
    const value = state.options[name];
    if (value === undefined) continue;
    const isLacking = role === "block" && Number(value) >= blocks;
    if (!isLacking) asked[name] = several ? [value] : value;
    else if (usual !== -1) asked[name] = `${blocks - 1}`;
  }
  return asked;
}

// A question in words, for the caption, and what the answer adds to them.
export function words({ blocks, tokens }, probe, asked, { mark, details = [], outlined }) {
  const query = (value) => {
    if (value && value !== "mean") return inWords(value);
    if (mark) return `patch in row ${mark[0] + 1}, column ${mark[1] + 1}`;
    return !value && tokens.some(([name]) => name === "cls") ? "cls" : "mean of the patches";
  };
  const own = probe.options.map(({ name, role, default: usual }) => {
    const value = asked[name] ?? usual;
    if (role === "block") return `block ${value < 0 ? blocks + Number(value) : value}`;
    if (role === "query") return `query: ${query(value)}`;
    if (value == null || !(name in asked || role === "choice")) return "";
    return role === "switch" ? labelOf(name) : `${labelOf(name)}: ${value}`;
  }).filter(Boolean);
  const ends = own.map((word) => word.split(": ").at(-1));
  const more = details.filter((word) => !ends.some((end) => word.endsWith(end)));
  return [...own, ...more, ...(outlined ? [`outlined: ${outlined}`] : [])];
}
