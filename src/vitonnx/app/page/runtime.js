// onnxruntime-web: which build of it, which file of a model, on WebGPU or on WASM.

import { download, fetchChecked, shelf } from "./store.js";

const MOST_THREADS = 4; // phones have as many fast cores, which would wait for the slow ones

// Between two right computations lie roundings; a wrong one is off by much of the whole.
const TOLERANCE = { fp32: 1e-3, fp16: 5e-2 };

export class Runtime {
  #graphs = new Map();

  // `root` is the page's address; all URLs in the catalogue start there.
  async start({ runtime, models }, root) {
    this.root = root;
    this.adapter = (await navigator.gpu?.requestAdapter()) ?? null;
    const usesGpu = models.some((model) => this.#fileFor(model, "webgpu"));
    const [script, wasm] = usesGpu ? this.#gpuBuild() : ["wasm", ""];
    const address = (file) => `${new URL(runtime.base + file, root)}?${runtime.version}`;
    const parts = [`ort.${script}.min.mjs`, ...["mjs", "wasm"].map((end) => `ort-wasm-simd-threaded${wasm}.${end}`)];
    for (const part of parts.filter((name) => runtime.integrity?.[name])) {
      await fetch(address(part), { integrity: runtime.integrity[part] }); // rejects another file
    }
    this.ort = await import(address(parts[0]));
    this.threads = self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1;
    this.ort.env.logLevel = "error";
    this.ort.env.wasm.numThreads = this.threads;
    this.ort.env.wasm.wasmPaths = { mjs: address(parts[1]), wasm: address(parts[2]) };
  }

  // The smaller build switches stacks by the browser's own means, where it has them.
  #gpuBuild() {
    return "Suspending" in WebAssembly ? ["jspi", ".jspi"] : ["webgpu", ".asyncify"];
  }

  #fileFor(model, provider) {
    // The products of int8 would fall to the CPU on WebGPU; half precision is slow on WASM.
    const halves = this.adapter?.features.has("shader-f16") ? ["fp16"] : [];
    const wanted = provider === "webgpu" ? [...halves, "fp32"] : ["int8", "fp32", "fp16"];
    const named = (precision) => model.files.find((file) => file.precision === precision);
    return (provider === "wasm" || this.adapter) && wanted.map(named).find(Boolean);
  }

  // Opens a model; `progress` is told the share that is done, and words.
  async openModel(model, progress) {
    let refused = "";
    const fast = this.#fileFor(model, "webgpu");
    if (fast) {
      const session = await this.#create(await this.#fetchFile(fast, progress), "webgpu").catch(() => null);
      refused = session ? await this.#fault(session, fast, model) : "this WebGPU can't run the model";
      if (!refused) return { session, file: fast, words: `WebGPU · ${fast.precision}` };
      await session?.release();
    }
    const file = this.#fileFor(model, "wasm");
    const session = await this.#create(await this.#fetchFile(file, progress), "wasm");
    const threads = `WASM, ${this.threads} thread${this.threads > 1 ? "s" : ""}`;
    return { session, file, words: `${threads}${refused && `: ${refused}`} · ${file.precision}` };
  }

  // Opens a probe's graph, or one that runs the whole network; made when first asked, and kept.
  openGraph(graph, model, loaded) {
    const isWhole = typeof graph !== "string";
    const file = isWhole && (graph[loaded.precision] ? loaded : model.files.find(({ precision }) => graph[precision]));
    const url = isWhole ? graph[file.precision] : graph;
    if (!this.#graphs.has(url)) {
      const made = this.#openGraph(url, file);
      made.catch(() => this.#graphs.delete(url)); // the next one who asks tries again
      this.#graphs.set(url, made);
    }
    return this.#graphs.get(url);
  }

  async #openGraph(url, file) {
    const bytes = await download(new URL(url, this.root).href);
    const external = file?.data ? [await this.#weights(file)] : [];
    return this.#create({ bytes, external }, "wasm");
  }

  async #weights({ data, sha256 }, arrived) {
    const bytes = await fetchChecked(new URL(data.url, this.root).href, sha256[data.url], arrived);
    return { path: data.path, data: bytes };
  }

  async #fetchFile(file, progress) {
    let count = 0;
    const arrived = (bytes) => {
      count += bytes;
      const [done, all] = [count, file.bytes].map((number) => (number / 1e6).toFixed(1));
      progress(Math.min(1, count / file.bytes), `${done} of ${all} MB`);
    };
    const url = new URL(file.model, this.root).href;
    const bytes = await fetchChecked(url, file.sha256[file.model], arrived);
    return { bytes, external: file.data ? [await this.#weights(file, arrived)] : [] };
  }

  #create({ bytes, external }, provider) {
    const options = { executionProviders: [provider], externalData: external };
    return this.ort.InferenceSession.create(bytes, options);
  }

  // Says what is wrong with a session on WebGPU: its numbers are compared with those of WASM, once
  // for each model and browser. Drivers that compute wrongly say nothing.
  async #fault(session, file, model) {
    const { vendor, architecture, description } = this.adapter.info;
    const who = encodeURIComponent([navigator.userAgent, vendor, architecture, description].join());
    const address = new URL(`verdicts/${file.sha256[file.model]}/${who}`, self.location.href).href;
    const verdicts = await shelf("vitonnx-verdicts");
    const known = await verdicts?.match(address);
    if (known) return known.text();
    const [height, width] = model.size;
    const drawn = Uint8Array.from({ length: 3 * height * width }, (_, at) => (at * at) >> 7);
    const feeds = { images: new this.ort.Tensor("uint8", drawn, [1, height, width, 3]) };
    let verdict = "";
    try {
      const theirs = await session.run(feeds);
      const other = await this.#create(await this.#fetchFile(file, () => {}), "wasm");
      const right = await other.run(feeds);
      await other.release();
      const isFar = (name) => distance(theirs[name].data, right[name].data) > TOLERANCE[file.precision];
      if (session.outputNames.some(isFar)) verdict = "this WebGPU gives wrong numbers";
    } catch {
      verdict = "this WebGPU can't run the model";
    }
    await verdicts?.put(address, new Response(verdict));
    return verdict;
  }
}

// The largest difference, as a share of the largest value; infinite where something isn't a number.
function distance(given, right) {
  let [furthest, largest] = [0, 0];
  for (let at = 0; at < right.length; at += 1) {
    const apart = Math.abs(given[at] - right[at]);
    furthest = apart <= Infinity ? Math.max(furthest, apart) : Infinity;
    largest = Math.max(largest, Math.abs(right[at]));
  }
  return furthest / (largest || 1);
}
