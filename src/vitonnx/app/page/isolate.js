// Registers the service worker: the page then works offline, and WASM has threads also where the
// host can't send the headers for them, after the page was loaded once more.

const TRIED = "vitonnx-isolated"; // once: what doesn't work is not tried for ever

export async function isolate() {
  const { serviceWorker } = navigator; // none on plain http from another machine
  if (!serviceWorker) return;
  const registered = await serviceWorker.register("service-worker.js").catch(() => null);
  if (crossOriginIsolated) return sessionStorage.removeItem(TRIED);
  if (!registered || sessionStorage.getItem(TRIED)) return;
  sessionStorage.setItem(TRIED, "yes");
  await serviceWorker.ready;
  location.reload();
  await new Promise(() => {}); // nothing begins that the reload would end
}
