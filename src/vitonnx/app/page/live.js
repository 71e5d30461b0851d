// A camera or a video that plays: the maps follow at the rate of the machine. A frame that comes
// while another is asked is dropped; see how main.js answers.

import { make } from "./make.js";
import { on, show, state, tell } from "./state.js";

const WHILE = 2000; // milliseconds over which the rate is counted

export async function follow(slot, source, name, say) {
  const stream = source instanceof MediaStream ? source : null;
  const video = make("video", { controls: true, loop: true, playsinline: true, "aria-label": name });
  video.muted = true;
  if (stream) video.srcObject = stream;
  else video.src = URL.createObjectURL(source);
  const picture = { live: video, name, rate: make("output", { class: "rate" }), times: [] };
  picture.stop = () => {
    video.pause();
    stream?.getTracks().forEach((track) => track.stop());
    URL.revokeObjectURL(video.src);
  };
  try {
    await video.play();
  } catch {
    picture.stop();
    say(`${name}: the browser can't play this video; H.264 in an .mp4 is played by all.`);
    return show(slot, null);
  }
  const next = (then) => (video.requestVideoFrameCallback ? video.requestVideoFrameCallback(then) : requestAnimationFrame(then));
  const frame = () => {
    if (state[slot] !== picture) return;
    picture.fresh = true;
    tell("question");
    next(frame);
  };
  show(slot, picture);
  next(frame);
}

export function showRates() {
  on("answer", () => {
    for (const picture of [state.picture, state.second]) {
      if (!picture?.live || picture.counted === picture.frames) continue;
      picture.counted = picture.frames;
      const now = performance.now();
      picture.times = [...picture.times.filter((time) => time > now - WHILE), now];
      const rate = (1000 * (picture.times.length - 1)) / (now - picture.times[0] || 1);
      picture.rate.textContent = `${rate.toFixed(1)} maps a second`;
    }
  });
}
