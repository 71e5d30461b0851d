// Copies onnxruntime-web beside the page, so that the folder is all there is to serve.

import { copyFile, mkdir } from 'node:fs/promises';

const FILES = [
  // for a browser with WebGPU
  'ort.webgpu.bundle.min.mjs',
  'ort-wasm-simd-threaded.asyncify.wasm',
  // for all others
  'ort.wasm.bundle.min.mjs',
  'ort-wasm-simd-threaded.wasm',
];

const at = (path) => new URL(path, import.meta.url);

await mkdir(at('ort'), { recursive: true });
for (const file of FILES) {
  await copyFile(at(`node_modules/onnxruntime-web/dist/${file}`), at(`ort/${file}`));
}
