// One model's part of the page: its name, its prediction, and what its probe found.

import { drawClasses } from "./draw-classes.js";
import { drawColours } from "./draw-colours.js";
import { drawMaps } from "./draw-maps.js";
import { drawMatrix } from "./draw-matrix.js";
import { drawPlate } from "./draw-plate.js";
import { drawTable } from "./draw-table.js";
import { make } from "./make.js";
import { modelOf, state } from "./state.js";

const DRAW = {
  maps: drawMaps, colours: drawColours, classes: drawClasses,
  table: drawTable, plate: drawPlate, matrix: drawMatrix,
};

export function makeCard(name) {
  const model = modelOf(name);
  const backend = make("span", { class: "backend" });
  const classes = make("ol", { class: "classes", "aria-label": "Prediction" });
  const error = make("p", { class: "error", role: "alert" });
  const found = make("div", { class: "found" });
  const element = make("section", { class: "model", "aria-label": name },
    make("h2", {}, make("span", {}, name), backend), make("p", { class: "note" }, model.note),
    classes, error, found);
  let [drawn, form, views] = [null, "", []];

  // What a card is made of; where that is the same it is only filled anew, and the focus stays.
  function fill() {
    const { kind, labels, values, pictures } = views[0].finding;
    const now = JSON.stringify([kind, state.probe, labels, (values ?? pictures).shape, views.length]);
    if (now !== form) {
      drawn = DRAW[kind]({ model, probe: views[0].probe, views }, views[0].finding);
      found.replaceChildren(drawn.element);
      form = now;
    }
    drawn.fill(views);
  }

  function predict(best) {
    classes.replaceChildren(...best.map(({ label, index, share }) => {
      const bar = make("i");
      bar.style.width = `${100 * share}%`;
      return make("li", {}, bar, make("span", {}, label || `class ${index}`),
        make("span", {}, `${(100 * share).toFixed(1)} %`));
    }));
  }

  return {
    name,
    element,
    redraw: () => views.length && fill(),
    told: () => (views.length ? drawn.told(views) : ""),
    answers: () => views,
    wait(share, words) {
      const bar = make("progress", { max: 1, value: share, "aria-label": words || "Loading" });
      found.replaceChildren(make("p", { class: "loading" }, bar, words || "Loading the model …"));
      [form, views] = ["", []];
    },
    show(found, best) {
      [views, error.textContent] = [found, ""];
      backend.textContent = state.engine.backend(name);
      predict(best);
      fill();
    },
    refuse(sentence, best = []) {
      if (error.textContent !== sentence) error.textContent = sentence;
      found.replaceChildren();
      [form, views] = ["", []];
      predict(best);
    },
  };
}
