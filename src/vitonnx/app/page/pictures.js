// What is kept of pictures: their input for each model, and, while there is room, what models and
// graphs said of them.

export class Pictures {
  #all = new Map();

  constructor(most) {
    this.most = most; // bytes
  }

  add(key, picture) {
    this.#all.set(key, picture);
  }

  find(key) {
    const picture = this.#all.get(key);
    if (!picture) throw new Error("this picture is no longer kept: choose it again.");
    return picture;
  }

  forget(key) {
    this.#all.delete(key);
  }

  // Gives what is kept in a view of a picture, or makes it; the oldest pictures' goes first.
  async kept(view, name, make) {
    if (!view.kept.has(name)) {
      view.kept.set(name, await make());
      this.#makeRoom(view);
    }
    return view.kept.get(name);
  }

  #makeRoom(newest) {
    const views = [...this.#all.values()].flatMap(({ views }) => Object.values(views));
    let held = views.reduce((sum, view) => sum + size(view), 0);
    for (const view of views) {
      if (held <= this.most) break;
      if (view === newest) continue;
      held -= size(view);
      view.kept.clear();
    }
  }
}

const size = ({ kept }) =>
  [...kept.values()].flatMap(Object.values).reduce((sum, { data }) => sum + data.byteLength, 0);
