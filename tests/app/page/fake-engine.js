// An engine that makes up its answers, of every shape, the same each time. `told` is what it was
// asked, for the tests to read.

const GRIDS = { small: [6, 6], "<img src=x onerror=alert(1)>": [4, 8] };
const HEADS = 3;
const told = (window.told = []);

export class ServedEngine {
  async open() {}

  async load(name, progress) {
    progress(0.5, "Loading the model …");
  }

  backend() {
    return "made up";
  }

  async look(source, { name, models }) {
    let picture = source;
    if (source instanceof Blob) {
      picture = await createImageBitmap(source).catch(() => {
        throw new Error(`${name}: no picture that can be read.`);
      });
    }
    if (window.overtaken && told.length < 3) {
      told.push({ overtaken: name });
      throw new DOMException("a newer frame came", "AbortError");
    }
    const { width, height } = picture;
    told.push({ look: name, models, width, height });
    await nap();
    // The second model pads, where the first one crops.
    const side = Math.min(width, height);
    const [left, top] = [(width - side) / 2, (height - side) / 2];
    const across = Math.max(width, 2 * height);
    const pad = (across - width) / 2;
    const [first, second] = Object.keys(GRIDS);
    const views = {
      [first]: { crop: [left, top, left + side, top + side], inside: [0, 0, 1, 1],
        classes: [["cat", 0.7], ["<b>dog</b>", 0.2], ["ship", 0.06]].map(([label, share], index) => ({ index, label, share })) },
      [second]: { crop: [-pad, 0, width + pad, height], inside: [pad / across, 0, 1 - pad / across, 1], classes: [] },
    };
    return { key: `${told.length}`, name, width, height, models: views };
  }

  async ask(seen, model, probe, options, { first } = {}) {
    told.push({ ask: probe, model, options, seen: seen?.name ?? null, first: first?.name ?? null });
    await nap();
    if (options.block === "1") throw new Error("The block is out of order.");
    const grid = GRIDS[model];
    const patches = grid[0] * grid[1];
    const mark = patchOf(options.query, seen?.models[model], grid);
    const from = mark ? mark[0] * grid[1] + mark[1] : Number(options.block ?? 0);
    const values = floats([HEADS + 1, ...grid], (at) => ((at * 7 + Math.floor(at / patches) + from * 3) % patches) / patches / 10);
    const one = { ...values, shape: [1, ...grid], data: values.data.slice(0, patches) };
    const maps = (more) => ({ finding: { kind: "maps", values: one, labels: [probe], unit: `${probe} weight`,
      fromZero: false, alike: false, outlined: "", ...more }, arrays: { [probe]: { ...one, shape: grid } } });
    const made = {
      heads: () => ({
        finding: { kind: "maps", values, labels: ["mean of the heads", "head 0", "head 1", "head 2"],
          unit: "attention weight", fromZero: true, alike: false, mark, details: ["told by the server"],
          outlined: options.mass ? `the fewest patches with ${options.mass}` : "",
          masks: options.mass && { dtype: "bool", shape: values.shape, data: Uint8Array.from(values.data, (each) => each > 0.08) } },
        arrays: { attention: { ...values, shape: [HEADS, ...grid], data: values.data.slice(patches) },
          query: { dtype: "int64", shape: [], data: BigInt64Array.of(BigInt(from)) },
          inside: { dtype: "bool", shape: [2], data: Uint8Array.of(1, 0) } } }),
      similarity: () => maps({ mark: first ? null : mark ?? [2, 2] }),
      attribution: () => {
        const labels = [options.target ?? ["predicted"]].flat();
        const several = floats([labels.length, ...grid], (at) => ((at * 5) % patches) / patches);
        return maps({ values: several, labels, alike: true });
      },
      pca: () => ({ arrays: {}, finding: { kind: "colours", label: "principal components",
        values: floats([...grid, 3], (at) => Math.sin(at)), spread: floats([3], () => 0.7) } }),
      lens: () => (options.class_ ? maps({ unit: `probability of ${options.class_}` }) : { arrays: {}, finding: {
        kind: "classes", labels: ["class of each patch"], classes: ["cat", "<b>dog</b>", "ship"],
        values: { dtype: "int64", shape: [1, ...grid], data: BigInt64Array.from({ length: patches }, (_, at) => BigInt((at * at + from) % 5 % 3)) } } }),
      distance: () => ({ arrays: {}, finding: { kind: "table", title: "How far each head looks",
        unit: "mean attention distance (pixels)", values: floats([4, HEADS], (at) => 20 + 11 * Math.sin(at)) } }),
      filters: () => ({ arrays: { filters: floats([12, 8, 8, 3], Math.sin) }, finding: { kind: "plate", label: "filters",
        pictures: floats([12, 8, 8, 3], (at) => Math.sin(at * at)), below: floats([3, 8, 8, 3], Math.cos),
        belowLabel: "principal components", captions: ["41 %", "12 %", "3 %"] } }),
      positions: () => ({ arrays: {}, finding: { kind: "matrix", unit: "cosine similarity", item: "patch, row by row",
        other: null, labels: [], otherLabels: [], bounds: [-1, 1], grid, values: floats([patches, patches], (at) =>
          Math.cos((at % patches) - Math.floor(at / patches))) } }),
      cka: () => ({ arrays: {}, finding: { kind: "matrix", unit: "linear CKA", item: "block", other: null, labels: [],
        otherLabels: [], bounds: [0, 1], grid: null, values: floats([4, 4], (at) => 1 / (1 + Math.abs((at % 4) - Math.floor(at / 4)))) } }),
    };
    made.entropy = made.distance;
    return (made[probe] ?? maps)({});
  }

  async video(file, question) {
    told.push({ video: file.name, ...question });
    return null;
  }

  async forget(seen) {
    told.push({ forget: seen.name });
  }
}

function floats(shape, value) {
  const length = shape.reduce((product, side) => product * side, 1);
  return { dtype: "float32", shape, data: Float32Array.from({ length }, (_, at) => value(at)) };
}

function patchOf(query, view, [rows, columns]) {
  if (!query?.includes(",")) return null;
  const [y, x] = query.split(",").map(Number);
  const [left, top, right, bottom] = view.crop;
  return [Math.floor(((y + 0.5 - top) / (bottom - top)) * rows), Math.floor(((x + 0.5 - left) / (right - left)) * columns)];
}

const nap = () => new Promise((done) => setTimeout(done, window.slowness ?? 0));
