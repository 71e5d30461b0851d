// The baked file in a browser: on WebGPU where there is one, else in WebAssembly.

import { readManifest, readMetadata } from './metadata.js';
import { toLists } from './found.js';
import { classesOf, feedsOf, takesTarget } from './target.js';

const RUNTIMES = {
  webgpu: ['WebGPU', '../ort/ort.webgpu.bundle.min.mjs'],
  wasm: ['WebAssembly', '../ort/ort.wasm.bundle.min.mjs'],
};

/** Fetch a baked file and open it: its manifest, what it runs on, the classes to choose from, `look`. */
export async function openModel(file) {
  const bytes = await fetchFile(file);
  const manifest = readManifest(readMetadata(bytes), file);
  const { ort, session, runtime } = await openSession(bytes);
  const classes = takesTarget(session, file) ? classesOf(session, manifest, file) : null;

  /** Give all that the file finds in a picture, as nested lists; a target where there are classes. */
  async function look(pixels, target) {
    return toLists(await session.run(feedsOf(ort, pixels, manifest.preprocessing.size, target)));
  }

  return { manifest, runtime, classes, look };
}

async function fetchFile(file) {
  const answer = await fetch(file);
  if (!answer.ok) {
    throw new Error(
      `There is no ${file} beside this page (the server says ${answer.status}): ` +
        'make one with “vitonnx bake”.',
    );
  }
  return new Uint8Array(await answer.arrayBuffer());
}

async function openSession(bytes) {
  if (await navigator.gpu?.requestAdapter()) {
    try {
      return await openOn('webgpu', bytes);
    } catch (error) {
      console.warn('WebGPU does not run this file; WebAssembly does it instead.', error);
    }
  }
  return openOn('wasm', bytes);
}

async function openOn(provider, bytes) {
  const [runtime, script] = RUNTIMES[provider];
  let ort;
  try {
    ort = await import(script);
  } catch (error) {
    throw new Error(
      'onnxruntime-web is not beside this page: type “npm ci && npm run runtime” in its folder.',
      { cause: error },
    );
  }
  if (!crossOriginIsolated) ort.env.wasm.numThreads = 1; // threads need headers that few servers send
  const session = await ort.InferenceSession.create(bytes, { executionProviders: [provider] });
  return { ort, session, runtime };
}
