// The engine behind a server, which holds the models, and the pictures while they are shown.
import { unpack } from "./arrays.js";

const AGAIN = 500; // milliseconds until a video is asked after
const json = { "Content-Type": "application/json" };

export class ServedEngine {
  open = async () => {};
  load = async () => {};
  backend = () => "on the server";

  async look(source, { name, models, before }) {
    const query = new URLSearchParams([["name", name], ...models.map((model) => ["models", model])]);
    if (before) query.set("before", before.key);
    const body = source instanceof Blob ? source : await encode(source);
    return (await send(`pictures?${query}`, { method: "POST", body })).json();
  }

  async ask(seen, model, probe, options, { first } = {}) {
    const asked = { picture: seen?.key ?? null, first: first?.key ?? null, model, probe, options };
    const request = { method: "POST", headers: json, body: JSON.stringify(asked) };
    return unpack(await (await send("ask", request)).text());
  }

  // Has a video made with the maps of every frame; null where it is stopped.
  async video(file, { name, models, probe, options }, progress, stop) {
    const query = new URLSearchParams({ name, probe, options: JSON.stringify(options) });
    for (const model of models) query.append("model", model);
    const { job } = await (await send(`videos?${query}`, { method: "POST", body: file })).json();
    try {
      while (!stop.aborted) {
        const { state, share, words } = await (await send(`videos/${job}`)).json();
        if (state === "done") return (await send(`videos/${job}/file`)).blob();
        if (state === "failed") throw new Error(words);
        progress(share, words);
        await new Promise((done) => setTimeout(done, AGAIN));
      }
      return null;
    } finally {
      fetch(`videos/${job}`, { method: "DELETE" }).catch(() => {});
    }
  }

  // What a browser can show of a picture whose format it does not know.
  picture = async (seen) => (await send(`pictures/${seen.key}`)).blob();

  // One that the server does not hear goes within the hour.
  forget = (seen) => fetch(`pictures/${seen.key}`, { method: "DELETE", keepalive: true }).catch(() => {});
}

async function send(address, request) {
  const answer = await fetch(address, request).catch(() => null);
  if (!answer) throw new Error("The server can't be reached: see whether `vitonnx app` still runs.");
  if (answer.ok) return answer;
  const { error } = await answer.json().catch(() => ({}));
  throw new Error(error ?? `The server refused: ${answer.status} ${answer.statusText}.`);
}

function encode(frame) {
  const canvas = new OffscreenCanvas(frame.width, frame.height);
  canvas.getContext("2d").drawImage(frame, 0, 0);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
}
