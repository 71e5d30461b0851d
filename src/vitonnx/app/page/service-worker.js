// Keeps the page for when there is no network, and isolates it, which gives WASM its threads.
// Models are not kept here but by store.js, under their hash.

const SHELF = "vitonnx-page";

const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { method, url, cache } = event.request;
  const isOurs = method === "GET" && url.startsWith("http") && cache !== "no-store";
  if (isOurs) event.respondWith(answer(event.request));
});

async function answer(request) {
  const shelf = await caches.open(SHELF);
  // The runtime's files name their version, and never change; all others are asked for anew.
  const isPinned = /\.(mjs|wasm)\?/.test(request.url);
  const kept = await shelf.match(request, { ignoreSearch: !isPinned });
  if (kept && isPinned) return kept;
  try {
    const found = await fetch(request, isPinned ? {} : { cache: "no-cache" });
    if (!found.ok || found.status === 206) return found;
    const isolated = found.type === "basic" ? withHeaders(found) : found;
    await keep(shelf, request, isolated.clone());
    return isolated;
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

function withHeaders(found) {
  const headers = new Headers(found.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(found.body, { status: found.status, headers });
}

// Another version of the same file goes.
async function keep(shelf, request, found) {
  await shelf.delete(request, { ignoreSearch: true });
  await shelf.put(request, found).catch(() => {}); // a full disk is no fault
}
