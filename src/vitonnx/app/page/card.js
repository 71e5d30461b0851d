// One model's part of the page: its name, its prediction, and what its probe found. What lies on
// pictures has a large map of each, and where a picture has several maps a tile of each to choose.
import { DRAWERS } from "./draw.js";
import { make } from "./make.js";
import { makeMap } from "./map.js";
import { PAINTERS } from "./paint.js";
import { change, modelOf, state } from "./state.js";

export function makeCard(name) {
  const model = modelOf(name);
  const backend = make("span", { class: "backend" });
  const classes = make("ol", { class: "classes", "aria-label": "Prediction" });
  const error = make("p", { class: "error", role: "alert" });
  const found = make("div", { class: "found" });
  const element = make("section", { class: "model", "aria-label": name },
    make("h2", {}, make("span", {}, name), backend), make("p", { class: "note" }, model.note),
    classes, error, found);
  let [fillMaps, form, views] = [null, "", []];

  function fill() {
    const [{ finding, probe }] = views;
    const painter = PAINTERS[finding.kind]?.(views, model);
    // Where maps are made of the same, they are only filled anew, and the focus stays.
    const now = painter ? JSON.stringify([painter.labels, probe.name, views.length]) : "";
    if (!painter) found.replaceChildren(...DRAWERS[finding.kind](views[0], model));
    else if (now !== form) fillMaps = makeMaps(painter.labels, probe.click);
    if (painter) fillMaps(painter);
    form = now;
  }

  function makeMaps(labels, click) {
    const large = views.map((_, at) => makeMap(model, { asks: click && at === 0 }));
    const figures = large.map((map) => make("figure", {}, map.element, make("figcaption")));
    const small = labels.length > 1 ? labels.map(() => makeMap(model, { small: true })) : [];
    const tiles = small.map((map, tile) => make("button",
      { type: "button", class: "tile", "aria-label": labels[tile], click: () => change({ tile }, "tile") },
      map.element, make("span", {}, labels[tile].replace(/ of the heads$/, ""))));
    const key = make("div");
    found.replaceChildren(make("div", { class: "side" }, ...figures), key,
      make("div", { class: "tiles", role: "group", "aria-label": "All maps" }, ...tiles));
    return (painter) => {
      const chosen = state.tile < labels.length ? state.tile : 0;
      views.forEach((view, at) => {
        const title = `${labels[chosen]} of ${name}, ${view.words.join(", ")}`;
        large[at].fill(view, painter.layer(view, chosen), `${title}. ${painter.tell(view, chosen)}`);
        figures[at].lastChild.textContent = [labels[chosen], ...view.words].join(" · ");
      });
      key.replaceChildren(painter.key);
      tiles.forEach((tile, at) => {
        small[at].fill(views[0], painter.layer(views[0], at));
        tile.setAttribute("aria-pressed", String(at === chosen));
      });
    };
  }

  function empty(best, ...children) {
    predict(best);
    found.replaceChildren(...children);
    [form, views] = ["", []];
  }
  function predict(best) {
    classes.replaceChildren(...best.map(({ label, index, share }) => {
      const bar = make("i");
      bar.style.width = `${100 * share}%`;
      const [called, percent] = [label || `class ${index}`, `${(100 * share).toFixed(1)} %`];
      return make("li", {}, bar, make("span", {}, called), make("span", {}, percent));
    }));
  }

  return {
    ...{ name, element },
    answers: () => views,
    told: () => found.querySelector("[role][aria-label]")?.getAttribute("aria-label") ?? "",
    redraw: () => views.length && fill(),
    wait: (share, words) =>
      empty([], make("progress", { max: 1, value: share, "aria-label": words }), make("small", {}, words)),
    show(answers, best) {
      [views, error.textContent, backend.textContent] = [answers, "", state.engine.backend(name)];
      predict(best);
      fill();
    },
    refuse(sentence, best = []) {
      if (error.textContent !== sentence) error.textContent = sentence;
      backend.textContent = state.engine.backend(name) ?? "";
      empty(best);
    },
  };
}
