// Keeps the page for when there is no network, and isolates it, which gives WASM its threads.

const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  const { method, url, cache } = event.request;
  const isOurs = method === "GET" && url.startsWith("http") && cache !== "no-store"; // see store.js
  if (isOurs) event.respondWith(answer(event.request));
});

async function answer(request) {
  const shelf = await caches.open("vitonnx-page");
  // What names its version never changes; all else is asked for anew.
  const isPinned = request.mode !== "navigate" && request.url.includes("?");
  const kept = await shelf.match(request, { ignoreSearch: !isPinned });
  if (kept && isPinned) return kept;
  const found = await fetch(request, isPinned ? {} : { cache: "no-cache" }).catch((error) => {
    if (kept) return kept;
    throw error;
  });
  if (found === kept || found.status !== 200) return found;
  const isolated = found.type === "basic" ? withHeaders(found) : found;
  await shelf.delete(request, { ignoreSearch: true }); // another version of it
  await shelf.put(request, isolated.clone()).catch(() => {}); // a full disk is no fault
  return isolated;
}

function withHeaders({ body, headers }) {
  const added = new Headers(headers);
  for (const [name, value] of Object.entries(HEADERS)) added.set(name, value);
  return new Response(body, { headers: added });
}
