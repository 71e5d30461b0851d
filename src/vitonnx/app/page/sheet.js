// What lies on pictures: a large map of each with its caption, a key, and where a picture has
// several maps a tile of each to choose from.
import { make } from "./make.js";
import { makeMap } from "./map.js";
import { change, state } from "./state.js";

export function makeSheet(model, probe, labels, count) {
  const large = Array.from({ length: count }, (_, at) => makeMap(model, { asks: probe.click && at === 0 }));
  const figures = large.map(({ element }) => make("figure", {}, element, make("figcaption")));
  const small = labels.length > 1 ? labels.map(() => makeMap(model, { small: true })) : [];
  const tiles = small.map(({ element }, tile) => make("button",
    { type: "button", class: "tile", "aria-label": labels[tile], click: () => change({ tile }, "tile") },
    element, make("span", {}, labels[tile].replace(/ of the heads$/, ""))));
  const key = make("div");
  const elements = [make("div", { class: "side" }, ...figures), key,
    make("div", { class: "tiles", role: "group", "aria-label": "All maps" }, ...tiles)];

  // A painter gives the layer of each map, says what it shows, and explains its colours.
  function fill(views, painter) {
    const chosen = state.tile < labels.length ? state.tile : 0;
    views.forEach((view, at) => {
      const title = `${labels[chosen]} of ${model.name}, ${view.words.join(", ")}`;
      large[at].fill(view, painter.layer(view, chosen), `${title}. ${painter.tell(view, chosen)}`);
      figures[at].lastChild.textContent = [labels[chosen], ...view.words].join(" · ");
    });
    key.replaceChildren(painter.key);
    tiles.forEach((tile, at) => {
      small[at].fill(views[0], painter.layer(views[0], at));
      tile.setAttribute("aria-pressed", String(at === chosen));
    });
  }

  return { elements, fill };
}
