// Fetches files, and keeps those of models under their hash; the service worker keeps all others.

// Where there is no Cache Storage (plain http from another machine) nothing is kept.
export const shelf = async () => self.caches?.open("vitonnx-page");

// `arrived` is told how many bytes came.
export async function fetchChecked(url, hash, arrived) {
  const kept = await shelf();
  const address = `${url}?${hash}`;
  const before = await kept?.match(address);
  if (before) return new Uint8Array(await before.arrayBuffer());
  const bytes = await download(address, { cache: "no-store" }, arrived); // kept below, once checked
  // Browsers compute no hashes for a page of plain http, which anybody on the way could change.
  const digest = await crypto.subtle?.digest("SHA-256", bytes);
  if (digest && hex(digest) !== hash) {
    throw new Error(`${url} is damaged, or of another version: reload the page, or copy it anew.`);
  }
  await kept?.put(address, new Response(bytes)).catch(() => {}); // a full disk is no fault
  return bytes;
}

export async function download(url, settings, arrived = () => {}) {
  const answer = await fetch(url, settings).catch(() => null);
  if (!answer?.ok) {
    const why = answer ? `the server says ${answer.status}` : "there is no connection";
    throw new Error(`${url} can't be fetched (${why}): try again.`);
  }
  const parts = [];
  const reader = answer.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    arrived(part.value.length);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

// Removes models that this version of the page doesn't name.
export async function keepOnly(hashes) {
  const kept = await shelf();
  const isOld = ({ url }) => /\?[0-9a-f]{64}$/.test(url) && !hashes.includes(url.split("?")[1]);
  for (const request of ((await kept?.keys()) ?? []).filter(isOld)) await kept.delete(request);
}

const hex = (digest) =>
  [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
