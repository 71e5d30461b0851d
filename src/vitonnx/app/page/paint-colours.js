// A colour for each patch, by itself and over the picture; see sheet.js.
import { make } from "./make.js";

const LAID_OVER = 0.6; // how much of the picture is hidden by colours that mean no number

export function paintColours([{ finding: { label } }]) {
  const layer = ({ finding }, at) => ({ painted: colour(finding, at ? LAID_OVER : 1), alone: !at });
  const words = "A colour means the same in all pictures of a model.";
  return { labels: [label, "over the picture"], layer, tell: () => words, key: make("small", {}, words) };
}

// The logistic function of twice the value, where the values' standard deviation is 1 (DINOv3).
function colour({ values, spread, shown }, opacity) {
  const colours = new Uint8ClampedArray((4 * values.data.length) / 3);
  values.data.forEach((value, at) => {
    const [patch, channel] = [Math.floor(at / 3), at % 3];
    colours[4 * patch + channel] = 127.5 + 127.5 * Math.tanh(value / (spread.data[channel] || 1));
    colours[4 * patch + 3] = !shown || shown.data[patch] ? 255 * opacity : 0;
  });
  return colours;
}
