// Decodes pictures as media/ does: upright, transparent ones over white, colour profiles ignored.
// Gives {width, height, data: RGBA}.

const AS_STORED = { premultiplyAlpha: "none", colorSpaceConversion: "none", imageOrientation: "from-image" };

// `source` is a file, or a bitmap of a video or camera.
export async function decode(source, name, limits) {
  if (!(source instanceof Blob)) return blended(source);
  refuse(source.size / 1e6, limits.upload / 1e6, "MB");
  const bitmap = await createImageBitmap(source, AS_STORED).catch(() => {
    throw new Error(`${name} isn't a picture that this browser can read: convert it to PNG or JPEG.`);
  });
  refuse((bitmap.width * bitmap.height) / 1e6, limits.pixels / 1e6, "million pixels");
  return blended(bitmap);

  function refuse(size, most, unit) {
    if (size <= most) return;
    const [has, takes] = [size, most].map((number) => `${number.toFixed(1)} ${unit}`);
    throw new Error(`${name} has ${has}, and this page takes ${takes}: make it smaller.`);
  }
}

// Reads pixels, and blends them over white as Pillow does, to the bit.
function blended(source) {
  const { width, height } = source;
  const pen = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  pen.drawImage(source, 0, 0, width, height);
  let { data } = pen.getImageData(0, 0, width, height);
  if (data.some((value, at) => at % 4 === 3 && value < 255)) {
    data = unmultiplied(source, width, height) ?? data;
    for (let at = 0; at < data.length; at += 1) {
      const alpha = data[at | 3];
      const sum = 128 * (data[at] * alpha + 255 * (255 - alpha) + 128);
      if (at % 4 < 3) data[at] = ((sum >> 8) + sum) >> 15;
    }
  }
  source.close();
  return { width, height, data };
}

// Reads pixels by WebGL: a 2D canvas keeps colours multiplied by their alpha, in 8 bits.
function unmultiplied(source, width, height) {
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (!gl || Math.max(width, height) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) return null;
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, source);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  const data = new Uint8Array(4 * width * height);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, data);
  gl.getExtension("WEBGL_lose_context")?.loseContext(); // a browser has few of them
  return data;
}
