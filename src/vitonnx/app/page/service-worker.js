// Keeps the page and its models for when there is no network, and isolates it, which gives WASM its
// threads.

const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith("http")) event.respondWith(answer(event));
});

async function answer(event) {
  const { request } = event;
  const shelf = await caches.open("vitonnx-page");
  // What names its version or its hash never changes; all else is asked for anew.
  const isPinned = request.mode !== "navigate" && request.url.includes("?");
  const kept = await shelf.match(request, { ignoreSearch: !isPinned });
  if (kept && isPinned) return kept;
  const found = await fetch(request, { cache: isPinned ? "no-store" : "no-cache" }).catch((error) => {
    if (kept) return kept;
    throw error;
  });
  if (found === kept || found.status !== 200) return found;
  const isolated = found.type === "basic" ? withHeaders(found) : found;
  const copy = isolated.clone();
  const keep = async () => {
    await shelf.delete(request, { ignoreSearch: true }); // another version of it
    await shelf.put(request, copy);
  };
  event.waitUntil(keep().catch(() => {})); // a full disk is no fault
  return isolated;
}

function withHeaders({ body, headers }) {
  const added = new Headers(headers);
  for (const [name, value] of Object.entries(HEADERS)) added.set(name, value);
  return new Response(body, { headers: added });
}
