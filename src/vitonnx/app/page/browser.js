// The engine that answers in the browser: the client of worker.js.

import { isolate } from "./isolate.js";

export class BrowserEngine {
  #worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  #waiting = new Map();
  #backends = {};
  #count = 0;

  constructor() {
    this.#worker.onmessage = ({ data: { id, progress, result, error } }) => {
      const { resolve, reject, told } = this.#waiting.get(id);
      if (progress) return told?.(...progress);
      this.#waiting.delete(id);
      if (error) reject(Object.assign(new Error(error.message), { name: error.name }));
      else resolve(result);
    };
    this.#worker.onerror = ({ message }) => {
      const error = new Error(`the engine has stopped (${message}): reload the page.`);
      for (const { reject } of this.#waiting.values()) reject(error);
    };
  }

  async open(catalogue) {
    await isolate();
    return this.#ask("open", [catalogue, document.baseURI]);
  }

  async load(model, progress) {
    this.#backends[model] = await this.#ask("load", [model], { told: progress });
  }

  backend(model) {
    return this.#backends[model];
  }

  // `source` is a file, a bitmap or frame, which is handed over, or a video that is playing.
  async look(source, { name, models, before }) {
    const given = source instanceof HTMLVideoElement ? await createImageBitmap(source) : source;
    const sent = given instanceof Blob ? [] : [given];
    return this.#ask("look", [given, { name, models, before: before?.key }], { sent });
  }

  ask(seen, model, probe, options, { first } = {}) {
    return this.#ask("ask", [seen?.key, model, probe, options, first?.key]);
  }

  forget({ key }) {
    return this.#ask("forget", [key]);
  }

  #ask(method, given, { told, sent = [] } = {}) {
    const id = this.#count++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, told });
      this.#worker.postMessage({ id, method, given }, sent);
    });
  }
}
