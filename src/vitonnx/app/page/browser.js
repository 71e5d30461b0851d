// The engine that answers in the browser: the client of worker.js.

const TRIED = "vitonnx-isolated"; // once: what doesn't help isn't tried for ever

// Has the service worker serve the page from the start: it then works offline, and WASM has threads
// also where the host doesn't send the headers for them.
export async function isolate() {
  const { serviceWorker } = navigator; // none on plain http from another machine
  const registered = await serviceWorker?.register("service-worker.js").catch(() => null);
  if (!registered) return;
  if (crossOriginIsolated && serviceWorker.controller) return sessionStorage.removeItem(TRIED);
  if (sessionStorage.getItem(TRIED)) return;
  sessionStorage.setItem(TRIED, "yes");
  await serviceWorker.ready;
  location.reload();
  await new Promise(() => {}); // nothing begins that the reload would end
}

export class BrowserEngine {
  #worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  #waiting = new Map();
  #backends = {};
  #count = 0;

  constructor() {
    this.#worker.onmessage = ({ data: { id, progress, result, error, backends } }) => {
      const { resolve, reject, told } = this.#waiting.get(id);
      if (progress) return told(...progress);
      this.#waiting.delete(id);
      this.#backends = backends;
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

  load = (model, progress) => this.#ask("load", [model], { told: progress });
  backend = (model) => this.#backends[model];

  // `source` is a file, or a bitmap, which is handed over.
  look(source, { name, models, before }) {
    const sent = source instanceof Blob ? [] : [source];
    return this.#ask("look", [source, { name, models, before: before?.key }], { sent });
  }

  ask = (seen, model, probe, options, { first } = {}) =>
    this.#ask("ask", [seen?.key, model, probe, options, first?.key]);
  forget = ({ key }) => this.#ask("forget", [key]);

  #ask(method, given, { told, sent = [] } = {}) {
    const id = this.#count++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, told });
      this.#worker.postMessage({ id, method, given }, sent);
    });
  }
}
