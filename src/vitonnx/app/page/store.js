// Fetches files, which the service worker then keeps: those of models under their hash.

// Where there is no Cache Storage (plain http from another machine) nothing is kept.
export const shelf = async () => self.caches?.open("vitonnx-page");

const pinned = (url, hash) => `${url}?${hash}`;

// `arrived` is told how many bytes came.
export async function fetchChecked(url, hash, arrived) {
  const bytes = await download(pinned(url, hash), arrived);
  // Browsers compute no hashes for a page of plain http, which anybody on the way could change.
  const digest = await crypto.subtle?.digest("SHA-256", bytes);
  if (!digest || hex(digest) === hash) return bytes;
  await (await shelf())?.delete(pinned(url, hash));
  throw new Error(`${url} is damaged, or of another version: reload the page, or copy it anew.`);
}

export async function download(url, arrived = () => {}) {
  const answer = await fetch(url).catch(() => null);
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
