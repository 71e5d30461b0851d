// A colour for each patch, by itself and over the picture; it means the same in all pictures.

import { makePlace } from "./draw-place.js";
import { make } from "./make.js";

const LAID_OVER = 0.6; // how much of the picture is hidden by colours that mean no number

export function drawColours({ model, views: { length } }) {
  const pairs = Array.from({ length }, () =>
    ["black", "grey"].map((ground) => makePlace({ model, ground })));
  const captions = pairs.map(() => make("figcaption"));
  const element = make("div", { class: "stack" }, ...pairs.map((pair, at) => make("figure", {},
    make("div", { class: "side" }, ...pair.map(({ element: place }) => place)), captions[at])));

  function fill(views) {
    views.forEach(({ finding, picture, view, words }, at) => {
      const name = `${finding.label} of ${model.name}, ${words.join(", ")}`;
      pairs[at][0].fill({ picture, view, painted: colour(finding, 1), label: `${name}.` });
      const label = `${name}, over the picture.`;
      pairs[at][1].fill({ picture, view, painted: colour(finding, LAID_OVER), label });
      captions[at].textContent = [finding.label, ...words, "alike in all pictures"].join(" · ");
    });
  }

  const told = ([{ finding, words }]) => `${finding.label} of ${model.name}, ${words.join(", ")}.`;
  return { element, fill, told };
}

// The logistic function of twice the value, where the values' standard deviation is 1 (DINOv3).
function colour({ values, spread, shown }, opacity) {
  const patches = values.data.length / 3;
  const colours = new Uint8ClampedArray(4 * patches);
  for (let patch = 0; patch < patches; patch++) {
    for (let channel = 0; channel < 3; channel++) {
      const value = values.data[3 * patch + channel] / (spread.data[channel] || 1);
      colours[4 * patch + channel] = 127.5 + 127.5 * Math.tanh(value);
    }
    colours[4 * patch + 3] = !shown || shown.data[patch] ? 255 * opacity : 0;
  }
  return colours;
}
