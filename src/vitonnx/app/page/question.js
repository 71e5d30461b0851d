// What the options' texts mean for one model and picture, and which graphs answer them.

export class Question {
  // `options` are texts by name, as on the command line; an option at its default is absent.
  constructor(probe, options, model) {
    this.model = model;
    this.texts = {};
    this.numbers = [];
    for (const { name, role, several, default: usual } of probe.options) {
      let text = options[name] ?? (usual === null ? null : String(usual));
      if (role === "query") this.query = text ??= usualQuery(probe, model);
      if (role === "block") this.block = text;
      if (role === "class") this.class = [text].flat();
      const isNumber = role === "number" || (role === "class" && !several);
      if (isNumber && text !== null && text !== String(usual)) this.numbers.push(name);
      this.texts[name] = text;
    }
    this.form = (model.forms[probe.name] ?? []).find((form) => this.#fits(form));
    if (this.form) return;
    throw new Error(`this page can't ask ${probe.name} with these options: use vitonnx probe.`);
  }

  #fits({ choices, numbers, blocks }) {
    // What there is but one choice of is no option.
    const isMet = ([name, wanted]) => name === "query"
      ? (wanted === "mean") === (this.query === "mean")
      : !(name in this.texts) || String(wanted) === String(this.texts[name]);
    const isSame = [...numbers].sort().join() === [...this.numbers].sort().join();
    return isSame && (blocks?.includes(this.at) ?? true) && Object.entries(choices).every(isMet);
  }

  // The number of the block; a model that is too shallow shows its last.
  get at() {
    const { blocks } = this.model;
    const asked = Number(this.block) + (this.block < 0 ? blocks : 0);
    return Math.max(0, Math.min(blocks - 1, asked));
  }

  // What a step's graph is fed: pairs of its inputs, and of the kept values' names. A list is of
  // inputs that are called as what they are fed; the star stands for any block.
  feeds({ feeds = [] }) {
    if (Array.isArray(feeds)) return feeds.map((name) => [name, name]);
    const block = `block_${String(this.at).padStart(2, "0")}`;
    const given = Object.entries(feeds[this.at] ?? feeds["*"] ?? {});
    return given.map(([input, name]) => [input, name.replace("block_*", block)]);
  }

  number(name) {
    const number = Number(this.texts[name]);
    if (Number.isFinite(number)) return number;
    throw new Error(`${name} is ${this.texts[name]}, which is no number.`);
  }

  // The token that is asked about: a named one, or the patch that covers a pixel of a view.
  token({ crop: [left, top, right, bottom], width, height }) {
    const { tokens, first, grid: [rows, columns] } = this.model;
    const named = tokens.find(([name]) => name === this.query);
    if (named) return named[1];
    if (this.query === "middle") return first + (rows >> 1) * columns + (columns >> 1);
    const [, y, x] = /^\s*(-?\d{1,9})\s*,\s*(-?\d{1,9})\s*$/.exec(this.query) ?? [];
    if (y === undefined) {
      const names = tokens.map(([name]) => name).join(", ");
      throw new Error(`the model has no token ${this.query}; there are ${names}, or a pixel, y,x.`);
    }
    const cell = (pixel, side, start, stop, count) => {
      const centre = Number(pixel) + 0.5;
      const found = Math.floor(((centre - start) / (stop - start)) * count);
      if (centre > 0 && centre < side && found >= 0 && found < count) return found;
      throw new Error(`the pixel y ${y}, x ${x} lies outside what the model sees of the picture.`);
    };
    return first + cell(y, height, top, bottom, rows) * columns + cell(x, width, left, right, columns);
  }

  // The patch that is asked about, row and column; undefined where it is none.
  patch(view) {
    const [rows, columns] = this.model.grid;
    const at = this.query === "mean" ? -1 : this.token(view) - this.model.first;
    if (at >= 0 && at < rows * columns) return [Math.floor(at / columns), at % columns];
  }

  // The number of the class, by its number, its name or one of its names; -1 for the likeliest.
  get target() {
    if (this.class.length > 1) throw new Error("this page shows one class at a time: choose one.");
    const [asked] = this.class;
    const { classes, classCount } = this.model;
    if (asked === null || asked === "predicted") return -1;
    if (/^\d+$/.test(asked) && Number(asked) < classCount) return Number(asked);
    const isCalled = (name) => [name, ...name.split(",")].map(plain).includes(plain(asked));
    const found = [...(classes ?? []).keys()].filter((index) => isCalled(classes[index]));
    if (found.length === 1) return found[0];
    const both = `the classes ${found.join(" and ")} are both called`;
    const why = `${found.length ? both : "there is no class"} ${asked}`;
    throw new Error(`${why}: give a number from 0 to ${classCount - 1}.`);
  }
}

const plain = (text) => text.trim().toLowerCase();

function usualQuery({ second }, { tokens }) {
  if (second) return "middle"; // which other pictures are compared with
  return tokens.some(([name]) => name === "cls") ? "cls" : "mean";
}
