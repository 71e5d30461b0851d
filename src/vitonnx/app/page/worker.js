// The engine in the browser, in a thread of its own: models, pictures and answers.

import { decode } from "./decode.js";
import { Pictures } from "./pictures.js";
import { prepare } from "./prepare.js";
import { Question } from "./question.js";
import { Runtime } from "./runtime.js";
import { download, keepOnly } from "./store.js";

const BEST = 5; // classes that are named
const runtime = new Runtime();
const loaded = new Map();
let catalogue;
let pictures;
let newestFrame;
let turn = Promise.resolve();

// The runtime runs one graph at a time.
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
    const hashes = catalogue.models.flatMap(({ files }) => files.flatMap(({ sha256 }) => Object.values(sha256)));
    await Promise.all([runtime.start(catalogue, root), keepOnly(hashes)]);
  },

  async load(name, progress) {
    if (!loaded.has(name)) loaded.set(name, inTurn(() => runtime.openModel(modelOf(name), progress)));
    try {
      const { words, file } = await loaded.get(name);
      runtime.warm(modelOf(name), file);
      return words;
    } catch (error) {
      loaded.delete(name);
      throw error;
    }
  },

  async look(source, { name, models, before }, id) {
    const isFrame = !(source instanceof Blob);
    if (isFrame) newestFrame = id;
    return inTurn(async () => {
      if (isFrame) await new Promise((resolve) => setTimeout(resolve)); // hear of newer ones
      if (isFrame && newestFrame !== id) throw new DOMException("a newer frame came", "AbortError");
      if (before) pictures.forget(before);
      const whole = await decode(source, name, catalogue.limits);
      source.close?.();
      const { width, height } = whole;
      const views = {};
      for (const each of models) {
        const { recipe, covered } = modelOf(each);
        views[each] = { ...prepare(whole, recipe, covered), width, height, kept: new Map() };
      }
      const key = String(id);
      pictures.add(key, { views });
      const seen = { key, name, width, height, models: {} };
      for (const [each, view] of Object.entries(views)) {
        const { logits } = await outputs(each, view);
        const { crop, inside } = view;
        seen.models[each] = { crop, inside, classes: logits ? best(logits.data, modelOf(each)) : [] };
      }
      return seen;
    });
  },

  ask: (...asked) => inTurn(() => answer(...asked)),

  forget: (key) => inTurn(() => pictures.forget(key)),
};

const imagesOf = ({ pixels, size }) => new runtime.Tensor("uint8", pixels, [1, ...size, 3]);

// What the model says of a picture: kept, or computed again.
function outputs(name, view) {
  return pictures.kept(view, "outputs", async () => {
    const { session } = await loaded.get(name);
    const wanted = ["logits", ...modelOf(name).kept].filter((output) => session.outputNames.includes(output));
    return session.run({ images: imagesOf(view) }, wanted);
  });
}

function best(logits, { classes }) {
  const largest = Math.max(...logits);
  const parts = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = parts.reduce((one, other) => one + other);
  const order = [...parts.keys()].sort((one, other) => parts[other] - parts[one]);
  const named = (index) => ({ index, label: classes?.[index] ?? `class ${index}`, share: parts[index] / sum });
  return order.slice(0, BEST).map(named);
}

async function answer(key, name, probeName, options, firstKey) {
  const model = modelOf(name);
  const probe = model.probes.find((one) => one.name === probeName);
  if (probe.refused) throw new Error(probe.refused);
  const question = new Question(probe, options, model);
  const viewOf = (picture) => picture && pictures.find(picture, name);
  const own = viewOf(key);
  const first = viewOf(firstKey) ?? own;
  const values = {};
  for (const step of question.form.steps) {
    const view = step.of === "first" ? first : own;
    Object.assign(values, await result(step, view, first, values, question, name));
  }
  const { outputs: given, words, mark } = question.form;
  const finding = { ...words, ...arrays(given.finding, values) };
  if (mark && first === own) finding.mark = question.patch(own);
  return { finding, arrays: arrays(given.arrays, values) };
}

async function result(step, view, first, values, question, name) {
  const { model } = question;
  const takes = Object.entries(step.takes ?? {});
  const byBlock = Object.values(step.feeds ?? {}).some((feed) => typeof feed === "object");
  const feeds = (byBlock ? step.feeds[question.at] : step.feeds) ?? {};
  const { Tensor } = runtime;
  const take = (from) => {
    if (from.option) return new Tensor("float64", [question.number(from.option)], []);
    if (from.query) return new Tensor("int64", [question.token(first)], [1]);
    if (from.class) return new Tensor("int64", [question.target], [1, 1]);
    return from.images ? imagesOf(view) : values[from.step];
  };
  const run = async () => {
    const session = await runtime.openGraph(step.graph, model, (await loaded.get(name)).file);
    const inputs = Object.fromEntries(takes.map(([input, from]) => [input, take(from)]));
    if (Object.keys(feeds).length) {
      const kept = await outputs(name, view);
      for (const [input, output] of Object.entries(feeds)) inputs[input] = kept[output];
    }
    return session.run(inputs);
  };
  const isAlways = view && takes.every(([, from]) => !(from.option || from.query || from.class || from.step));
  const place = `${JSON.stringify(step.graph)} ${byBlock ? question.at : ""}`;
  return isAlways ? pictures.kept(view, place, run) : run();
}

const arrays = (names, values) =>
  Object.fromEntries(
    Object.entries(names ?? {}).map(([field, output]) => {
      const { type, dims, data } = values[output];
      return [field, { dtype: type, shape: [...dims], data }];
    }),
  );

onmessage = async ({ data: { id, method, given } }) => {
  const progress = (...done) => postMessage({ id, progress: done });
  try {
    const extra = { load: progress, look: id }[method];
    postMessage({ id, result: await engine[method](...given, extra) });
  } catch (error) {
    postMessage({ id, error: { name: error.name, message: error.message } });
  }
};
