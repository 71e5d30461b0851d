// What is kept of pictures. Each has a view for every model that it was shown to: the model's
// input, and, while there is room, what the model and graphs said of it.

export class Pictures {
  #views = new Map(); // by key, and by model

  // `most` is in bytes.
  constructor(most) {
    this.most = most;
  }

  add(key, views) {
    this.#views.set(key, views);
  }

  find(key, model) {
    const view = this.#views.get(key)?.[model];
    if (!view) throw new Error("this picture isn't kept for the model: choose it again.");
    return view;
  }

  forget(key) {
    this.#views.delete(key);
  }

  // Gives what is kept in a view under a name, or makes it; what is kept of the oldest goes first.
  async kept(view, name, make) {
    if (!view.kept.has(name)) {
      view.kept.set(name, await make());
      const all = [...this.#views.values()].flatMap(Object.values);
      let held = all.reduce((sum, one) => sum + bytesOf(one), 0);
      for (const oldest of all.filter((one) => one !== view)) {
        if (held <= this.most) break;
        held -= bytesOf(oldest);
        oldest.kept.clear();
      }
    }
    return view.kept.get(name);
  }
}

function bytesOf({ kept }) {
  const tensors = [...kept.values()].flatMap(Object.values);
  return tensors.reduce((sum, { data }) => sum + data.byteLength, 0);
}
