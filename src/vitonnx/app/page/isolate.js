// Registers the service worker, and has it serve the page from the start: it then works offline,
// and WASM has threads also where the host doesn't send the headers for them.

const TRIED = "vitonnx-isolated"; // once: what doesn't help isn't tried for ever

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
