// Opens the page, and answers the latest question: one at a time, and what comes meanwhile once.

import { makeCard } from "./card.js";
import { makeControls } from "./controls.js";
import { readLink, writeLink } from "./link.js";
import { part } from "./make.js";
import { makeSave } from "./save.js";
import { makeSources } from "./sources.js";
import { modelOf, on, probeOf, question, show, state, tell, words } from "./state.js";

let cards = [];
let [running, again, answers] = [false, false, 0];
const loads = new Map();

async function answer() {
  again = true;
  if (running) return;
  [running, document.body.dataset.state] = [true, "busy"];
  while (again) {
    again = false;
    await round().catch((error) => say(error.message));
  }
  [running, document.body.dataset.state] = [false, "ready"];
}

async function round() {
  const { models, probe, picture, second } = state;
  arrange(models);
  const info = models.map((name) => probeOf(modelOf(name), probe)).find(Boolean);
  part("hint").hidden = Boolean(picture) || info.weights;
  const shown = info.weights || picture ? cards : [];
  cards.forEach((card) => shown.includes(card) || card.refuse(""));
  await Promise.all(shown.map(load));
  const able = shown.filter(({ name }) => loads.get(name));
  const pictures = info.weights ? [] : [["picture", picture], ...(info.second ? [["second", second]] : [])];
  for (const [slot, each] of pictures) if (each && !(await look(slot, each, able))) return;
  await Promise.all(able.map((card) => ask(card, info.weights ? [null] : [picture, info.second && second])));
  document.body.dataset.answer = ++answers;
  tell("answer");
  part("spoken").textContent = cards.map((card) => card.told()).filter(Boolean)[0] ?? "";
}

function arrange(models) {
  if (cards.map(({ name }) => name).join("\n") === models.join("\n")) return;
  cards = models.map((name) => cards.find((card) => card.name === name) ?? makeCard(name));
  part("maps").replaceChildren(...cards.map(({ element }) => element));
}

async function load(card) {
  if (loads.get(card.name)) return;
  try {
    await state.engine.load(card.name, (share, sentence) => card.wait(share, sentence));
    loads.set(card.name, true);
  } catch (error) {
    card.refuse(error.message);
  }
}

// Whether it is still the picture that is to be shown, and was not refused.
async function look(slot, picture, able) {
  const names = able.map(({ name }) => name);
  const { fresh, seen, before, name } = picture;
  if (!fresh && seen && names.every((each) => each in seen.models)) return true;
  picture.fresh = false;
  try {
    const source = picture.live ? await createImageBitmap(picture.live) : picture.source;
    const whole = picture.live ? copy(source) : null;
    picture.seen = await state.engine.look(source, { name, models: names, before: seen ?? before });
    picture.whole = whole ?? picture.whole ?? (await decode(picture));
    picture.frames = (picture.frames ?? 0) + 1;
  } catch (error) {
    if (state[slot] !== picture) return false;
    say(error.message);
    show(slot, null);
    return false;
  }
  if (state[slot] === picture) return true;
  state.engine.forget(picture.seen);
  return false;
}

function copy(bitmap) {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return canvas;
}

// Of formats that a browser does not know, the server has a picture that it does.
async function decode({ source, seen }) {
  try {
    return await createImageBitmap(source);
  } catch {
    return createImageBitmap(await state.engine.picture(seen));
  }
}

async function ask(card, [first, second]) {
  const model = modelOf(card.name);
  const probe = probeOf(model);
  const best = first?.seen.models[card.name].classes ?? [];
  try {
    if (!probe) throw new Error(`${card.name} has no probe of this name.`);
    if (probe.refused) throw new Error(probe.refused);
    const asked = question(model, probe);
    const views = [];
    for (const picture of second ? [first, second] : [first]) {
      const from = picture === first ? {} : { first: first.seen };
      const found = await state.engine.ask(picture?.seen ?? null, card.name, probe.name, asked, from);
      const { finding, arrays } = found;
      const view = picture?.seen.models[card.name];
      const said = words(model, probe, asked, finding);
      views.push({ finding, arrays, picture: picture && { ...picture }, view, probe, asked, words: said });
    }
    if (first === state.picture || !first) card.show(views, best);
  } catch (error) {
    card.refuse(error.message, best);
  }
}

export function say(sentence) {
  part("message").textContent = sentence;
}

async function open() {
  part("unloaded").remove();
  part("layout").hidden = false;
  try {
    state.catalogue = await (await fetch("catalogue.json")).json();
    const { served, models } = state.catalogue;
    const made = served ? (await import("./served.js")).ServedEngine : (await import("./browser.js")).BrowserEngine;
    state.engine = new made();
    await state.engine.open(state.catalogue);
    state.models = models.slice(0, 2).map(({ name }) => name);
    state.probe = models[0].probes[0].name;
  } catch (error) {
    say(`The page can't start: ${error.message}`);
    return;
  }
  makeControls();
  makeSources(say);
  makeSave(() => cards);
  on("question", answer);
  on("tile", () => cards.forEach((card) => card.redraw()));
  on("tile", writeLink);
  on("answer", writeLink);
  addEventListener("hashchange", readLink);
  await readLink();
  answer();
}

open();
