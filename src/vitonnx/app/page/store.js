// Fetches files of models, checks them against their hash, and keeps them under it.

const addressOf = (hash) => new URL(`kept/${hash}`, self.location).href;

// Where there is no Cache Storage (plain http from another machine) nothing is kept.
export const shelf = (name) => self.caches?.open(name);
const models = () => shelf("vitonnx-models");

// `arrived` is told how many bytes came.
export async function fetchChecked(url, hash, arrived) {
  const kept = await models();
  const before = await kept?.match(addressOf(hash));
  if (before) return new Uint8Array(await before.arrayBuffer());
  const bytes = await download(url, { cache: "no-store" }, arrived); // it is kept here alone
  // Browsers compute no hashes for a page of plain http, which anybody on the way could change.
  const digest = await crypto.subtle?.digest("SHA-256", bytes);
  if (digest && hex(digest) !== hash) {
    throw new Error(`${url} is damaged, or of another version: reload the page, or copy it anew.`);
  }
  await kept?.put(addressOf(hash), new Response(bytes)).catch(() => {}); // a full disk is no fault
  return bytes;
}

export async function download(url, settings, arrived = () => {}) {
  const answer = await fetch(url, settings).catch(() => null);
  if (!answer?.ok) {
    const why = answer ? `the server says ${answer.status}` : "there is no connection";
    throw new Error(`${url} can't be fetched (${why}): try again.`);
  }
  const reader = answer.body.getReader();
  const parts = [];
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    arrived(part.value.length);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

// Removes what this version of the page doesn't name.
export async function keepOnly(hashes) {
  const kept = await models();
  const named = new Set(hashes.map(addressOf));
  for (const { url } of (await kept?.keys()) ?? []) if (!named.has(url)) await kept.delete(url);
}

const hex = (digest) =>
  [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
