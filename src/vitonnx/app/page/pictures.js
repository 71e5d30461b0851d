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

  // Gives a picture's view for a model.
  find(key, model) {
    const view = this.#all.get(key)?.views[model];
    if (!view) throw new Error("this picture isn't kept for the model: choose it again.");
    return view;
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
