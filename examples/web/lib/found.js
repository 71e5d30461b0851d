// What a baked file gives: predictions, maps, and maps as colours.

// Nine colours of Matplotlib's inferno.
const INFERNO = [
  [0, 0, 4], [33, 12, 74], [87, 16, 110], [138, 34, 106], [188, 55, 84],
  [228, 90, 49], [249, 142, 9], [249, 203, 53], [252, 255, 164],
];
// How much of the picture the lowest and the highest value hide.
const [FAINTEST, STRONGEST] = [0.5, 0.95];

/** Turn outputs into nested lists, without the batch. */
export function toLists(outputs) {
  const nest = (data, [first, ...rest]) => {
    if (!rest.length) return Array.from(data);
    const step = data.length / first;
    return Array.from({ length: first }, (_, i) => nest(data.slice(i * step, (i + 1) * step), rest));
  };
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data, dims }]) => [name, nest(data, dims.slice(1))]),
  );
}

/** Rank the classes: the share of each, by softmax, and its name. */
export function predict(logits, classes) {
  const highest = Math.max(...logits);
  const exponentials = logits.map((logit) => Math.exp(logit - highest));
  const sum = exponentials.reduce((a, b) => a + b);
  return exponentials
    .map((value, index) => ({ share: value / sum, name: classes?.[index] ?? `class ${index}` }))
    .sort((a, b) => b.share - a.share);
}

/** List the maps to draw, rows of columns by name, that of a class first; at least one. */
export function mapsOf({ attribution, rollout, heads }) {
  const maps = new Map();
  if (attribution) {
    // Of several targets, each has a map.
    const several = Array.isArray(attribution[0][0]) ? attribution : [attribution];
    several.forEach((map, index) => maps.set(index ? `Attribution ${index}` : 'Attribution', map));
  }
  if (rollout) maps.set('Rollout', rollout);
  if (heads) {
    const mean = (y, x) => heads.reduce((sum, head) => sum + head[y][x], 0) / heads.length;
    maps.set('Mean of the heads', heads[0].map((row, y) => row.map((_, x) => mean(y, x))));
    heads.forEach((head, index) => maps.set(`Head ${index}`, head));
  }
  if (!maps.size) {
    throw new Error('the file gives no map: bake it with --probe heads, rollout or attribution.');
  }
  return maps;
}

/** Give each patch its colour, from the map's lowest to its highest value: RGBA. */
export function colour(map) {
  const values = map.flat();
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const last = INFERNO.length - 1;
  const rgba = values.flatMap((value) => {
    const share = (value - low) / Math.max(high - low, 1e-12);
    const stop = Math.min(Math.floor(share * last), last - 1);
    const rest = share * last - stop;
    const rgb = INFERNO[stop].map((from, i) => from + rest * (INFERNO[stop + 1][i] - from));
    return [...rgb, 255 * (FAINTEST + (STRONGEST - FAINTEST) * share)];
  });
  return { data: Uint8ClampedArray.from(rgba), width: map[0].length, height: map.length };
}
