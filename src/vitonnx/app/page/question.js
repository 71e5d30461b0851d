// What an option's text means for one model and one picture, and which graphs answer it.

const PIXEL = /^\s*(-?\d{1,9})\s*,\s*(-?\d{1,9})\s*$/;

export class Question {
  // `options` are texts by name, as on the command line; an option at its default is absent.
  constructor(probe, options, model) {
    this.model = model;
    this.texts = {};
    for (const { name, role, default: usual } of probe.options) {
      const text = options[name] ?? (usual === null ? null : String(usual));
      this.texts[name] = role === "query" ? (text ?? usualQuery(probe, model)) : text;
      if (["block", "query", "class"].includes(role)) this[role] = this.texts[name];
    }
    const isGiven = ({ name, role }) => role === "number" && this.texts[name] !== null;
    this.numbers = probe.options.filter(isGiven).map(({ name }) => name);
    this.form = (model.forms[probe.name] ?? []).find((form) => this.#fits(form));
    if (this.form) return;
    throw new Error(
      `this page can't be asked for ${probe.name} with these options: use vitonnx probe.`,
    );
  }

  #fits({ choices, numbers }) {
    const fits = ([name, wanted]) => {
      const text = name === "query" && this.query !== "mean" ? "token" : this.texts[name];
      return String(wanted) === String(text);
    };
    const isSame = numbers.length === this.numbers.length;
    return isSame && numbers.every((name) => this.numbers.includes(name)) && Object.entries(choices).every(fits);
  }

  // The block, from 0; a model that is too shallow shows its last.
  get at() {
    const last = this.model.blocks - 1;
    return Math.max(0, Math.min(last, this.block < 0 ? last + 1 + Number(this.block) : Number(this.block)));
  }

  number(name) {
    const number = Number(this.texts[name]);
    if (Number.isFinite(number)) return number;
    throw new Error(`${name} is ${this.texts[name]}, which is no number.`);
  }

  // The token that is asked about, on a picture's place.
  token(place) {
    const { tokens, first, grid } = this.model;
    const named = tokens.find(([name]) => name === this.query);
    if (named) return named[1];
    const [rows, columns] = grid;
    if (this.query === "middle") return first + (rows >> 1) * columns + (columns >> 1);
    const pixel = PIXEL.exec(this.query);
    if (!pixel) {
      const names = tokens.map(([name]) => name).join(", ");
      throw new Error(`the model has no token ${this.query}; there are ${names}, or a pixel, y,x.`);
    }
    const [y, x] = [Number(pixel[1]) + 0.5, Number(pixel[2]) + 0.5];
    const [left, top, right, bottom] = place.crop;
    const row = Math.floor(((y - top) / (bottom - top)) * rows);
    const column = Math.floor(((x - left) / (right - left)) * columns);
    const isOn = y >= 0 && x >= 0 && y < place.height && x < place.width;
    if (isOn && row >= 0 && column >= 0 && row < rows && column < columns) {
      return first + row * columns + column;
    }
    throw new Error(`the pixel y ${pixel[1]}, x ${pixel[2]} lies outside what the model sees.`);
  }

  // The patch that is asked about, row and column; undefined where it is none.
  patch(place) {
    if (this.query === "mean") return undefined;
    const [rows, columns] = this.model.grid;
    const at = this.token(place) - this.model.first;
    const isPatch = at >= 0 && at < rows * columns;
    return isPatch ? [Math.floor(at / columns), at % columns] : undefined;
  }

  // The number of the class, by its number or name, or one of its names; -1 for the likeliest.
  get target() {
    const asked = [this.class].flat();
    if (asked.length > 1) throw new Error("this page shows one class at a time: choose one.");
    const [text] = asked;
    if (text === null || text === "predicted") return -1;
    const { classes, classCount } = this.model;
    if (/^\d+$/.test(text) && Number(text) < classCount) return Number(text);
    const isCalled = (name) => [name, ...name.split(",")].some((one) => plain(one) === plain(text));
    const found = (classes ?? []).flatMap((name, index) => (isCalled(name) ? [index] : []));
    if (found.length === 1) return found[0];
    const why = found.length ? `the classes ${found.join(" and ")} are both called ${text}` : `the model has no class ${text}`;
    throw new Error(`${why}: give a number from 0 to ${classCount - 1}.`);
  }
}

const plain = (text) => text.trim().toLowerCase();

function usualQuery({ second }, { tokens }) {
  if (second) return "middle"; // what other pictures are compared with
  return tokens.some(([name]) => name === "cls") ? "cls" : "mean";
}
