// onnxruntime-web: which build of it runs which file of a model, on WebGPU or on WASM.

import { unpack } from "./arrays.js";
import { download, fetchChecked, shelf } from "./store.js";

const MOST_THREADS = 4; // phones have as many fast cores, which would wait for the slow ones

// Builds of the runtime. Only the first can compute in double precision, as probes do; of the
// others, the smaller one switches stacks by the browser's own means.
const WASM = ["wasm", ""];
const GPU = "Suspending" in WebAssembly ? ["jspi", ".jspi"] : ["webgpu", ".asyncify"];

// Between two right computations lie roundings; a wrong one is off by much of the whole.
const TOLERANCE = { fp32: 1e-3, fp16: 5e-2 };

export class Runtime {
  #graphs = new Map();

  // `root` is the page's address; all URLs in the catalogue start there.
  async start(runtime, root) {
    Object.assign(this, { runtime, root });
    this.adapter = (await navigator.gpu?.requestAdapter()) ?? null;
    this.threads = crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1;
    this.wasm = await this.#import(WASM, this.threads);
    this.Tensor = this.wasm.Tensor;
  }

  async #import([script, build], numThreads) {
    const { base, version, integrity } = this.runtime;
    const core = `ort-wasm-simd-threaded${build}`;
    const files = [`ort.${script}.min.mjs`, `${core}.mjs`, `${core}.wasm`];
    const urls = files.map((file) => `${this.#at(base + file)}?${version}`);
    for (const [at, file] of files.entries()) {
      if (integrity?.[file]) await fetch(urls[at], { integrity: integrity[file] }); // or it throws
    }
    const [url, mjs, wasm] = urls;
    const ort = await import(url);
    Object.assign(ort.env, { logLevel: "error" });
    Object.assign(ort.env.wasm, { numThreads, wasmPaths: { mjs, wasm } });
    return ort;
  }

  #at = (url) => new URL(url, this.root);

  // Opens a model; `progress` is told the share that has come, and words. What the runtime does is
  // done `inTurn`.
  async openModel(model, progress, inTurn) {
    // On WebGPU the products of int8 would fall to the CPU; on WASM half precision is slow.
    const halves = this.adapter?.features.has("shader-f16") ? ["fp16"] : [];
    const file = this.adapter && fileOf(model, ...halves, "fp32");
    if (!file) return this.openOnWasm(model, progress, inTurn, "");
    const parts = await this.#fetchParts(file, progress);
    this.gpu ??= await this.#import(GPU, 1);
    const session = await inTurn(() => create(this.gpu, parts, "webgpu")).catch(() => null);
    const fault = await inTurn(() => this.#faultOf(session, parts, file, model));
    if (!fault) return { session, file, words: `WebGPU · ${file.precision}`, isOnGpu: true };
    await session?.release();
    return this.openOnWasm(model, progress, inTurn, fault);
  }

  // `fault` says what is wrong with this machine's WebGPU, if anything.
  async openOnWasm(model, progress, inTurn, fault) {
    const file = fileOf(model, "int8", "fp32", "fp16");
    const parts = await this.#fetchParts(file, progress);
    const session = await inTurn(() => create(this.wasm, parts, "wasm"));
    const threads = `${this.threads} thread${this.threads > 1 ? "s" : ""}`;
    const words = `WASM, ${threads}${fault && `: this WebGPU ${fault}`} · ${file.precision}`;
    return { session, file, words, isOnGpu: false };
  }

  // Opens the graph of a probe, or one that runs the whole network with the model's own weights, of
  // the precision of the `loaded` file if it has that. Made when first asked, and kept.
  openGraph(graph, model, loaded) {
    const { url, file } = placeOf(graph, model, loaded);
    const open = async () => {
      const weights = file?.data ? await this.#fetchWeights(file) : [];
      return create(this.wasm, { bytes: await download(this.#at(url)), weights }, "wasm");
    };
    if (!this.#graphs.has(url)) this.#graphs.set(url, open());
    const made = this.#graphs.get(url);
    made.catch(() => this.#graphs.delete(url)); // who asks next tries again
    return made;
  }

  // Fetches what was written with the page: how a model is asked, or what its weights tell.
  fetchJson = async (url) => unpack(new TextDecoder().decode(await download(this.#at(url))));

  // Fetches a model's graphs, which the service worker then keeps for when there is no network.
  async warm(model, loaded) {
    const urls = Object.values(model.forms).flat().flatMap(({ answer, steps }) =>
      answer ?? steps.map(({ graph }) => placeOf(graph, model, loaded).url));
    for (const url of new Set(urls)) await fetch(this.#at(url)).catch(() => {});
  }

  async #fetchParts(file, progress) {
    let count = 0;
    const arrived = (bytes) => {
      count += bytes;
      const [done, all] = [count, file.bytes].map((number) => (number / 1e6).toFixed(1));
      progress(Math.min(1, count / file.bytes), `${done} of ${all} MB`);
    };
    const bytes = await fetchChecked(this.#at(file.model), file.sha256[file.model], arrived);
    return { bytes, weights: file.data ? await this.#fetchWeights(file, arrived) : [] };
  }

  async #fetchWeights({ data: { path, url }, sha256 }, arrived) {
    return [{ path, data: await fetchChecked(this.#at(url), sha256[url], arrived) }];
  }

  // Says what is wrong with a session on WebGPU; "" for nothing. Drivers that compute wrongly don't
  // say so: the numbers are compared with those of WASM, once for each model and browser.
  async #faultOf(session, parts, file, model) {
    if (!session) return "can't run the model";
    const { vendor, architecture, description } = this.adapter.info;
    const browser = [navigator.userAgent, this.runtime.version, vendor, architecture, description];
    const address = this.#at(`verdict?${encodeURIComponent(browser.join())}&${file.sha256[file.model]}`);
    const verdicts = await shelf();
    const before = await verdicts?.match(address);
    if (before) return before.text();
    const fault = await this.#compare(session, parts, file, model);
    await verdicts?.put(address, new Response(fault));
    return fault;
  }

  async #compare(session, parts, { precision }, { size }) {
    const drawn = Uint8Array.from({ length: 3 * size[0] * size[1] }, (_, at) => (at * at) >> 7);
    const images = new this.Tensor("uint8", drawn, [1, ...size, 3]);
    const given = await session.run({ images }).catch(() => null);
    if (!given) return "can't run the model";
    const other = await create(this.wasm, parts, "wasm");
    const right = await other.run({ images });
    await other.release();
    const isFar = (name) => distance(given[name].data, right[name].data) > TOLERANCE[precision];
    return session.outputNames.some(isFar) ? "gives wrong numbers" : "";
  }
}

// The file of the first of these precisions that the model has.
const fileOf = ({ files }, ...precisions) =>
  precisions.map((one) => files.find(({ precision }) => precision === one)).find(Boolean);

// Where a graph lies; and, of one that runs the whole network, which file has its weights.
function placeOf(graph, { files }, loaded) {
  const file = [loaded, ...files].find(({ precision }) => graph[precision]);
  return { url: graph[file?.precision] ?? graph, file };
}

function create(ort, { bytes, weights }, provider) {
  return ort.InferenceSession.create(bytes, { executionProviders: [provider], externalData: weights });
}

// The largest difference, as a share of the largest value; infinite where one isn't a number.
function distance(given, right) {
  let [furthest, largest] = [0, 0];
  for (let at = 0; at < right.length; at += 1) {
    const apart = Math.abs(given[at] - right[at]);
    furthest = Number.isNaN(apart) ? Infinity : Math.max(furthest, apart);
    largest = Math.max(largest, Math.abs(right[at]));
  }
  return furthest / (largest || 1);
}
