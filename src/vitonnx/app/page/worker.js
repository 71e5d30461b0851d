// The engine in the browser, in a thread of its own: models, pictures and answers.

import { decode } from "./decode.js";
import { prepare } from "./prepare.js";
import { Question } from "./question.js";
import { Runtime } from "./runtime.js";
import { keepOnly } from "./store.js";

const BEST = 5; // classes that are named
const FIRST = "first/"; // before the names of what is kept of the picture that is learned from
const runtime = new Runtime();
const loaded = new Map(); // models to their sessions, and the files of those
const backends = {}; // models to words that say what runs them
const pictures = new Map(); // by key: a view for each model, its input and what is kept of it
let catalogue;
let newestFrame;
let turn = Promise.resolve();

// The runtime does one thing at a time.
function inTurn(work) {
  const done = turn.then(work);
  turn = done.catch(() => {});
  return done;
}

const modelOf = (name) => catalogue.models.find((model) => model.name === name);

async function openModel(model, progress) {
  model.forms = await runtime.fetchJson(model.formsUrl);
  return runtime.openModel(model, progress, inTurn);
}

const engine = {
  async open(given, root) {
    catalogue = given;
    const files = catalogue.models.flatMap((model) => model.files);
    await keepOnly(files.flatMap(({ sha256 }) => Object.values(sha256)));
    await runtime.start(catalogue.runtime, root);
  },

  async load(name, progress = () => {}) {
    const model = modelOf(name);
    if (!loaded.has(name)) loaded.set(name, openModel(model, progress));
    try {
      const { words, file } = await loaded.get(name);
      backends[name] = words;
      runtime.warm(model, file);
    } catch (error) {
      loaded.delete(name);
      throw error;
    }
  },

  async look(source, { name, models, before }, id) {
    const isFrame = !(source instanceof Blob);
    if (isFrame) newestFrame = id;
    await Promise.all(models.map(opened));
    return inTurn(async () => {
      if (isFrame) await new Promise((resolve) => setTimeout(resolve)); // hear of newer ones
      if (isFrame && newestFrame !== id) throw new DOMException("a newer frame came", "AbortError");
      pictures.delete(before);
      const whole = await decode(source, name, catalogue.limits);
      const { width, height } = whole;
      const seen = { key: String(id), name, width, height, models: {} };
      const views = {};
      pictures.set(seen.key, views);
      for (const model of models) {
        const { recipe, covered } = modelOf(model);
        const view = { ...prepare(whole, recipe, covered), width, height, kept: new Map() };
        views[model] = view;
        const { logits } = await outputs(model, view);
        const classes = logits ? best(logits.data, modelOf(model)) : [];
        seen.models[model] = { crop: view.crop, inside: view.inside, classes };
      }
      return seen;
    });
  },

  async ask(key, name, probe, options, first) {
    await opened(name);
    return inTurn(() => answer(key, modelOf(name), probe, options, first));
  },

  forget: (key) => inTurn(() => pictures.delete(key)),
};

// Outside of a turn: opening takes turns.
const opened = (name) => loaded.get(name) ?? engine.load(name);

// What is kept of a picture under a name, or made; what is kept of the oldest goes first.
async function keep(view, name, make) {
  if (!view.kept.has(name)) {
    view.kept.set(name, await make());
    const views = [...pictures.values()].flatMap(Object.values);
    let held = views.reduce((sum, one) => sum + bytesOf(one), 0);
    for (const oldest of views.filter((one) => one !== view)) {
      if (held <= catalogue.limits.memory) break;
      held -= bytesOf(oldest);
      oldest.kept.clear();
    }
  }
  return view.kept.get(name);
}

const bytesOf = ({ kept }) =>
  [...kept.values()].flatMap(Object.values).reduce((sum, { data }) => sum + data.byteLength, 0);

const imagesOf = ({ pixels, size }) => new runtime.Tensor("uint8", pixels, [1, ...size, 3]);

// What a model says of a picture.
function outputs(name, view) {
  const wanted = ["logits", ...modelOf(name).kept];
  const run = ({ session }) =>
    session.run({ images: imagesOf(view) }, session.outputNames.filter((output) => wanted.includes(output)));
  return keep(view, "outputs", async () => {
    const open = await loaded.get(name);
    try {
      return await run(open);
    } catch (error) {
      if (!open.isOnGpu) throw error;
    }
    // Drivers crash, and browsers take the graphics card from a page in the background.
    const now = (work) => work();
    loaded.set(name, runtime.openOnWasm(modelOf(name), () => {}, now, "has stopped"));
    await engine.load(name);
    return run(await loaded.get(name));
  });
}

function best(logits, { classes }) {
  const largest = Math.max(...logits);
  const parts = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = parts.reduce((one, other) => one + other);
  const order = [...parts.keys()].sort((one, other) => parts[other] - parts[one]);
  const told = (index) => ({ index, label: classes?.[index] ?? `class ${index}`, share: parts[index] / sum });
  return order.slice(0, BEST).map(told);
}

async function answer(key, model, probeName, options, firstKey) {
  const probe = model.probes.find(({ name }) => name === probeName);
  if (probe.refused) throw new Error(probe.refused);
  const question = new Question(probe, options, model);
  const own = key && viewOf(key, model);
  const first = firstKey ? viewOf(firstKey, model) : own;
  const { answer: file, steps, outputs: named, words, mark } = question.form;
  if (file) return runtime.fetchJson(file);
  const values = {};
  for (const step of steps) Object.assign(values, await take(step, question, { own, first, values }));
  const arrays = (names = {}) => Object.fromEntries(Object.entries(names).map(([field, name]) => {
    const { type, dims, data } = values[name];
    return [field, { dtype: type, shape: [...dims], data }];
  }));
  const finding = { ...words, ...arrays(named.finding) };
  if (mark && first === own) finding.mark = question.patch(own);
  return { finding, arrays: arrays(named.arrays) };
}

function viewOf(key, { name }) {
  const view = pictures.get(key)?.[name];
  if (!view) throw new Error("this picture isn't kept for the model: choose it again.");
  return view;
}

// Takes one step of an answer: runs its graph on what is kept, unless its result is kept, too.
function take(step, question, { own, first, values }) {
  const { Tensor } = runtime;
  const { model } = question;
  const makers = {
    option: (name) => new Tensor("float64", [question.number(name)], []),
    query: () => new Tensor("int64", [question.token(first)], [1]),
    class: (_, shape) => new Tensor("int64", [question.target], shape),
    images: () => imagesOf(own),
  };
  const takes = Object.entries(step.takes ?? {});
  const feeds = question.feeds(step);
  const isOfFirst = (output) => output.startsWith(FIRST);
  const run = async () => {
    const inputs = { ...values };
    for (const [input, { shape, ...from }] of takes) {
      const [[kind, name]] = Object.entries(from);
      inputs[input] = makers[kind](name, shape);
    }
    for (const [input, output] of feeds) {
      const kept = await outputs(model.name, isOfFirst(output) ? first : own);
      inputs[input] = kept[output.replace(FIRST, "")];
    }
    const { file } = await loaded.get(model.name);
    const session = await runtime.openGraph(step.graph, model, file);
    return session.run(Object.fromEntries(session.inputNames.map((name) => [name, inputs[name]])));
  };
  const isOfOther = first !== own && feeds.some(([, output]) => isOfFirst(output));
  if (isOfOther || takes.some(([, from]) => !from.images)) return run();
  return keep(own, JSON.stringify([step.graph, feeds]), run);
}

onmessage = async ({ data: { id, method, given } }) => {
  const progress = (...told) => postMessage({ id, progress: told });
  try {
    const result = await engine[method](...given, ...({ load: [progress], look: [id] }[method] ?? []));
    postMessage({ id, result, backends });
  } catch ({ name, message }) {
    postMessage({ id, error: { name, message }, backends });
  }
};
