// One model's part of the page: its name, its prediction, and what its probe found.
import { drawMatrix } from "./draw-matrix.js";
import { drawPlate } from "./draw-plate.js";
import { drawTable } from "./draw-table.js";
import { make } from "./make.js";
import { paintClasses } from "./paint-classes.js";
import { paintColours } from "./paint-colours.js";
import { paintMaps } from "./paint-maps.js";
import { makeSheet } from "./sheet.js";
import { modelOf, state } from "./state.js";

const PAINT = { maps: paintMaps, colours: paintColours, classes: paintClasses };
const DRAW = { table: drawTable, plate: drawPlate, matrix: drawMatrix };

export function makeCard(name) {
  const model = modelOf(name);
  const backend = make("span", { class: "backend" });
  const classes = make("ol", { class: "classes", "aria-label": "Prediction" });
  const error = make("p", { class: "error", role: "alert" });
  const found = make("div", { class: "found" });
  const element = make("section", { class: "model", "aria-label": name },
    make("h2", {}, make("span", {}, name), backend), make("p", { class: "note" }, model.note),
    classes, error, found);
  let [sheet, form, views] = [null, "", []];

  function fill() {
    const [{ finding, probe }] = views;
    const painter = PAINT[finding.kind]?.(views, model);
    // Where a sheet is made of the same, it is only filled anew, and the focus stays.
    const now = painter ? JSON.stringify([painter.labels, probe.name, views.length]) : "";
    if (now && now !== form) {
      sheet = makeSheet(model, probe, painter.labels, views.length);
      found.replaceChildren(...sheet.elements);
    }
    if (painter) sheet.fill(views, painter);
    else found.replaceChildren(...DRAW[finding.kind](views[0], model));
    form = now;
  }

  function empty(...children) {
    found.replaceChildren(...children);
    [form, views] = ["", []];
  }
  function predict(best) {
    classes.replaceChildren(...best.map(({ label, index, share }) => {
      const bar = make("i");
      bar.style.width = `${100 * share}%`;
      const [name, percent] = [label || `class ${index}`, `${(100 * share).toFixed(1)} %`];
      return make("li", {}, bar, make("span", {}, name), make("span", {}, percent));
    }));
  }

  return {
    ...{ name, element },
    answers: () => views,
    told: () => found.querySelector("[role][aria-label]")?.getAttribute("aria-label") ?? "",
    redraw: () => views.length && fill(),
    wait: (share, words) =>
      empty(make("progress", { max: 1, value: share, "aria-label": words }), make("small", {}, words)),
    show(answers, best) {
      [views, error.textContent, backend.textContent] = [answers, "", state.engine.backend(name)];
      predict(best);
      fill();
    },
    refuse(sentence, best = []) {
      if (error.textContent !== sentence) error.textContent = sentence;
      predict(best);
      empty();
    },
  };
}
