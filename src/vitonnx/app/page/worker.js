// The engine in the browser, in a thread of its own: models, pictures and answers.

import { decode } from "./decode.js";
import { Pictures } from "./pictures.js";
import { prepare } from "./prepare.js";
import { Question } from "./question.js";
import { Runtime } from "./runtime.js";
import { keepOnly } from "./store.js";

const BEST = 5; // classes that are named
const FIRST = "first/"; // before the names of what is kept of the picture that is learned from
const runtime = new Runtime();
const loaded = new Map();
let catalogue;
let pictures;
let newestFrame;
let turn = Promise.resolve();

// The runtime does one thing at a time.
function inTurn(work) {
  const done = turn.then(work);
  turn = done.catch(() => {});
  return done;
}

const modelOf = (name) => catalogue.models.find((model) => model.name === name);

const engine = {
  async open(given, root) {
    catalogue = given;
    pictures = new Pictures(catalogue.limits.memory);
    const files = catalogue.models.flatMap((model) => model.files);
    await keepOnly(files.flatMap(({ sha256 }) => Object.values(sha256)));
    await runtime.start(catalogue.runtime, root);
  },

  async load(name, progress) {
    const model = modelOf(name);
    if (!loaded.has(name)) loaded.set(name, runtime.openModel(model, progress, inTurn));
    try {
      const { words, file } = await loaded.get(name);
      runtime.warm(model, file);
      return words;
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
      pictures.forget(before);
      const whole = await decode(source, name, catalogue.limits);
      const { width, height } = whole;
      const view = ({ recipe, covered }) =>
        ({ ...prepare(whole, recipe, covered), width, height, kept: new Map() });
      const views = Object.fromEntries(models.map((model) => [model, view(modelOf(model))]));
      const seen = { key: String(id), name, width, height, models: {} };
      pictures.add(seen.key, views);
      for (const model of models) {
        const { crop, inside } = views[model];
        const { logits } = await outputs(model, views[model]);
        const classes = logits ? best(logits.data, modelOf(model)) : [];
        seen.models[model] = { crop, inside, classes };
      }
      return seen;
    });
  },

  async ask(key, model, probe, options, first) {
    await opened(model);
    return inTurn(() => answer(key, modelOf(model), probe, options, first));
  },

  forget: (key) => inTurn(() => pictures.forget(key)),
};

// A model's session, and its file. Outside of a turn: opening takes turns.
async function opened(name) {
  if (!loaded.has(name)) await engine.load(name, () => {});
  return loaded.get(name);
}

const imagesOf = ({ pixels, size }) => new runtime.Tensor("uint8", pixels, [1, ...size, 3]);

// What a model says of a picture: kept, or computed again.
function outputs(name, view) {
  return pictures.kept(view, "outputs", async () => {
    const { session } = await loaded.get(name);
    const wanted = new Set(["logits", ...modelOf(name).kept]);
    const images = imagesOf(view);
    return session.run({ images }, session.outputNames.filter((output) => wanted.has(output)));
  });
}

function best(logits, { classes }) {
  const largest = Math.max(...logits);
  const parts = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = parts.reduce((one, other) => one + other);
  const order = [...parts.keys()].sort((one, other) => parts[other] - parts[one]);
  return order.slice(0, BEST).map((index) => {
    return { index, label: classes?.[index] ?? `class ${index}`, share: parts[index] / sum };
  });
}

async function answer(key, model, probeName, options, firstKey) {
  const probe = model.probes.find(({ name }) => name === probeName);
  if (probe.refused) throw new Error(probe.refused);
  const question = new Question(probe, options, model);
  const own = key === undefined ? undefined : pictures.find(key, model.name);
  const first = firstKey === undefined ? own : pictures.find(firstKey, model.name);
  const { answer: file, outputs: named, words, mark } = question.form;
  if (file) return runtime.fetchAnswer(file);
  const values = {};
  for (const step of question.form.steps) {
    Object.assign(values, await take(step, question, { own, first, values }));
  }
  const arrays = (names = {}) => {
    const fields = Object.entries(names).map(([field, name]) => {
      const { type, dims, data } = values[name];
      return [field, { dtype: type, shape: [...dims], data }];
    });
    return Object.fromEntries(fields);
  };
  const finding = { ...words, ...arrays(named.finding) };
  if (mark && first === own) finding.mark = question.patch(own);
  return { finding, arrays: arrays(named.arrays) };
}

const isOfFirst = (output) => output.startsWith(FIRST);

// Takes one step of an answer: runs its graph on what is kept, unless its result is kept, too.
function take(step, question, { own, first, values }) {
  const { Tensor } = runtime;
  const { model } = question;
  const makers = {
    option: (name) => new Tensor("float64", [question.number(name)], []),
    query: () => new Tensor("int64", [question.token(first)], [1]),
    class: (_, shape) => new Tensor("int64", [question.target], shape),
    step: (name) => values[name],
    images: () => imagesOf(own),
  };
  const takes = Object.entries(step.takes ?? {});
  const isByBlock = Object.values(step.feeds ?? {}).some((feed) => typeof feed === "object");
  const feeds = Object.entries((isByBlock ? step.feeds[question.at] : step.feeds) ?? {});
  const run = async () => {
    const { file } = await loaded.get(model.name);
    const session = await runtime.openGraph(step.graph, model, file);
    const given = takes.map(([input, from]) => {
      const [[kind, name]] = Object.entries(from);
      return [input, makers[kind](name, from.shape)];
    });
    for (const [input, output] of feeds) {
      const kept = await outputs(model.name, isOfFirst(output) ? first : own);
      given.push([input, kept[output.replace(FIRST, "")]]);
    }
    return session.run(Object.fromEntries(given));
  };
  const isOfOther = first !== own && feeds.some(([, output]) => isOfFirst(output));
  if (isOfOther || takes.some(([, from]) => !from.images)) return run();
  return pictures.kept(own, JSON.stringify([step.graph, feeds]), run);
}

onmessage = async ({ data: { id, method, given } }) => {
  const progress = (...told) => postMessage({ id, progress: told });
  try {
    const extra = { load: progress, look: id }[method];
    postMessage({ id, result: await engine[method](...given, extra) });
  } catch ({ name, message }) {
    postMessage({ id, error: { name, message } });
  }
};
