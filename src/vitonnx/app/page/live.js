// A camera or a video that plays: the maps follow at the rate of the machine. A frame that comes
// while another is asked is dropped; see how main.js answers.
import { make } from "./make.js";
import { show, state, tell } from "./state.js";

const WHILE = 2000; // milliseconds over which the rate is counted

export async function follow(slot, source, name) {
  const stream = source instanceof MediaStream ? source : null;
  const video = make("video", { controls: true, loop: true, playsinline: true, "aria-label": name });
  video.muted = true;
  if (stream) video.srcObject = stream;
  else video.src = URL.createObjectURL(source);
  const picture = { live: video, file: stream ? null : source, name, times: [] };
  picture.stop = () => {
    video.pause();
    stream?.getTracks().forEach((track) => track.stop());
    URL.revokeObjectURL(video.src);
  };
  await video.play().catch(() => {
    picture.stop();
    throw new Error(`${name}: the browser can't play this video. All play H.264 in an .mp4.`);
  });
  const wait = video.requestVideoFrameCallback?.bind(video) ?? requestAnimationFrame;
  function frame() {
    if (state[slot] !== picture) return;
    picture.fresh = true;
    tell("frame");
    wait(frame);
  }
  show(slot, picture);
  wait(frame);
}

// Called for each frame that is asked.
export function count(picture) {
  const now = performance.now();
  picture.times = [...picture.times.filter((time) => time > now - WHILE), now];
}

export const rate = ({ times }) =>
  `${((1000 * (times.length - 1)) / (times.at(-1) - times[0] || 1)).toFixed(1)} maps a second`;
