// Opens the page, and answers the latest question: one at a time, and what comes meanwhile once.
import { makeCard } from "./card.js";
import { makeControls, showControls } from "./controls.js";
import { readLink, writeLink } from "./link.js";
import { part } from "./make.js";
import { makeSave } from "./save.js";
import { count, makeSources, refuse, say } from "./sources.js";
import { modelOf, on, probe, probeOf, question, state, tell, words } from "./state.js";

let cards = [];
let [running, again, answers] = [false, false, 0];

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
  const { weights, second: compares } = probe();
  const [picture, second] = [weights ? null : state.picture, compares ? state.second : null];
  if (cards.map(({ name }) => name).join("\n") !== state.models.join("\n")) {
    cards = state.models.map((name) => cards.find((card) => card.name === name) ?? makeCard(name));
    part("maps").replaceChildren(...cards.map(({ element }) => element));
  }
  part("hint").hidden = Boolean(picture) || weights;
  if (!weights && !picture) cards.forEach(prepare);
  else {
    const failures = await Promise.all(cards.map(load));
    cards.forEach((card, at) => failures[at] && card.refuse(failures[at]));
    const able = cards.filter((_, at) => !failures[at]);
    if (picture && !(await look("picture", picture, able))) return;
    if (second && !(await look("second", second, able))) return;
    await Promise.all(able.map((card) => ask(card, picture, second)));
  }
  document.body.dataset.answer = ++answers;
  tell("answer");
  part("spoken").textContent = cards.map((card) => card.told()).find(Boolean) ?? "";
}

// Nobody has chosen a picture yet: the model is loaded meanwhile.
async function prepare(card) {
  card.refuse("");
  const failure = await load(card);
  if (!state.picture && !probe().weights) card.refuse(failure);
}

// Tried once for each card: what fails is tried again when its model is chosen again.
function load(card) {
  const progress = (share, sentence) => card.wait(share, sentence || "Loading the model …");
  return (card.loading ??= state.engine.load(card.name, progress).then(() => "", ({ message }) => message));
}

// Whether it is still the picture that is to be shown, and was not refused.
async function look(slot, picture, able) {
  const names = able.map(({ name }) => name);
  const { fresh, seen, before, name, live } = picture;
  if (!fresh && seen && names.every((each) => each in seen.models)) return true;
  if (live && live.readyState < live.HAVE_CURRENT_DATA) return false; // its first frame asks again
  picture.fresh = false;
  try {
    const source = live ? await createImageBitmap(live) : picture.source;
    const whole = live ? await createImageBitmap(source) : picture.whole;
    const looked = await state.engine.look(source, { name, models: names, before: seen ?? before });
    Object.assign(picture, { seen: looked, whole: whole ?? (await decode(source, looked)) });
    if (live) count(picture);
  } catch (error) {
    // An engine drops frames that have been overtaken: the newer one asks for itself.
    if (state[slot] === picture && error.name !== "AbortError") refuse(slot, error.message);
    return false;
  }
  if (state[slot] !== picture) state.engine.forget(picture.seen);
  return state[slot] === picture;
}

// Of formats that a browser does not know, the server has a picture that it does.
const decode = (source, seen) =>
  createImageBitmap(source).catch(async () => createImageBitmap(await state.engine.picture(seen)));

async function ask(card, first, second) {
  const model = modelOf(card.name);
  const asks = probeOf(model);
  const best = first?.seen.models[card.name].classes ?? [];
  try {
    if (!asks) throw new Error(`${card.name} can't be asked ${state.probe}.`);
    if (asks.refused) throw new Error(asks.refused);
    const asked = question(model, asks);
    const views = [];
    for (const picture of second ? [first, second] : [first]) {
      const learned = picture === first ? {} : { first: first.seen };
      const found = await state.engine.ask(picture?.seen ?? null, card.name, asks.name, asked, learned);
      const said = { probe: asks, asked, words: words(model, asks, asked, found.finding) };
      views.push({ ...found, ...said, picture: { ...picture }, view: picture?.seen.models[card.name] });
    }
    card.show(views, best);
  } catch (error) {
    card.refuse(error.message, best);
  }
}

async function open() {
  part("unloaded").remove();
  part("layout").hidden = false;
  try {
    state.catalogue = await (await fetch("catalogue.json")).json();
    const { served, models: all } = state.catalogue;
    const { ServedEngine, BrowserEngine } = await import(served ? "./served.js" : "./browser.js");
    state.engine = served ? new ServedEngine() : new BrowserEngine();
    await state.engine.open(state.catalogue);
    Object.assign(state, { models: all.slice(0, 2).map(({ name }) => name), probe: all[0].probes[0].name });
  } catch (error) {
    return say(`The page can't start: ${error.message}`);
  }
  makeControls();
  makeSources();
  on("question", showControls);
  for (const event of ["question", "frame"]) on(event, answer);
  on("tile", () => cards.forEach((card) => card.redraw()));
  for (const event of ["tile", "answer"]) on(event, writeLink);
  makeSave(() => cards.filter((card) => card.answers().length));
  addEventListener("hashchange", readLink);
  await readLink();
}

open();
