// Decodes pictures as media/ does: upright, transparent ones over white, colour profiles ignored.
// Gives {width, height, data: RGBA}.

const AS_STORED = {
  premultiplyAlpha: "none",
  colorSpaceConversion: "none",
  imageOrientation: "from-image",
};
const HEAD = 2 ** 20; // bytes in which every header lies: a photograph's thumbnail comes before it

// `source` is a file, or the frame of a video or camera.
export async function decode(source, name, limits) {
  if (!(source instanceof Blob)) return opaque(pixels(source));
  if (source.size > limits.upload) {
    const [size, most] = [source.size, limits.upload].map((bytes) => (bytes / 1e6).toFixed(1));
    throw new Error(`${name} has ${size} MB, and this page takes ${most} MB: make it smaller.`);
  }
  refuse(name, countPixels(new DataView(await source.slice(0, HEAD).arrayBuffer())), limits);
  let bitmap;
  try {
    bitmap = await createImageBitmap(source, AS_STORED);
    refuse(name, bitmap.width * bitmap.height, limits); // a header may say less than there is
    return opaque(pixels(bitmap), bitmap);
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw new Error(`${name} isn't a picture that this browser can read: convert it to PNG or JPEG.`);
  } finally {
    bitmap?.close();
  }
}

function refuse(name, count, { pixels: most }) {
  if (count <= most) return;
  const [has, takes] = [count, most].map((number) => number.toLocaleString("en"));
  throw new RangeError(`${name} has ${has} pixels, and this page takes ${takes}: scale it down.`);
}

// Counts the pixels that a file's header promises; 0 where it isn't understood.
function countPixels(head) {
  const starts = (at, word) => [...word].every((letter, n) => head.getUint8(at + n) === letter.charCodeAt());
  const word = (at) => head.getUint32(at, true);
  try {
    if (starts(1, "PNG")) return head.getUint32(16) * head.getUint32(20);
    if (starts(0, "GIF")) return head.getUint16(6, true) * head.getUint16(8, true);
    if (starts(0, "BM")) return Math.abs(head.getInt32(18, true) * head.getInt32(22, true));
    if (starts(8, "WEBPVP8X")) return ((word(24) & 0xffffff) + 1) * ((word(26) >>> 8) + 1);
    if (starts(8, "WEBPVP8L")) return ((word(21) & 0x3fff) + 1) * (((word(21) >> 14) & 0x3fff) + 1);
    if (starts(8, "WEBPVP8 ")) return (word(26) & 0x3fff) * ((word(26) >> 16) & 0x3fff);
    for (let at = 2; head.getUint16(0) === 0xffd8; at += 2 + head.getUint16(at + 2)) {
      const kind = head.getUint8(at + 1); // of a JPEG's segment; some are frames
      const isFrame = kind >= 0xc0 && kind <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(kind);
      if (isFrame) return head.getUint16(at + 5) * head.getUint16(at + 7);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // beyond the head
  }
  return 0;
}

function pixels(source) {
  const width = source.displayWidth ?? source.width;
  const height = source.displayHeight ?? source.height;
  const pen = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  pen.drawImage(source, 0, 0, width, height);
  return { width, height, data: pen.getImageData(0, 0, width, height).data };
}

// Blends over white, as Pillow does, to the bit.
function opaque(picture, bitmap) {
  const isOpaque = (data) => data.every((value, at) => at % 4 < 3 || value === 255);
  if (isOpaque(picture.data)) return picture;
  const data = bitmap ? unmultiplied(bitmap) ?? picture.data : picture.data;
  for (let at = 0; at < data.length; at += 4) {
    const alpha = data[at + 3];
    for (let colour = at; colour < at + 3; colour += 1) {
      const sum = 128 * (data[colour] * alpha + 255 * (255 - alpha) + 128);
      data[colour] = ((sum >> 8) + sum) >> 15;
    }
  }
  return { ...picture, data };
}

// Reads pixels by WebGL: a 2D canvas keeps colours multiplied by their alpha, in 8 bits.
function unmultiplied(bitmap) {
  const { width, height } = bitmap;
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (!gl || Math.max(width, height) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) return null;
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  const data = new Uint8Array(4 * width * height);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, data);
  gl.getExtension("WEBGL_lose_context")?.loseContext(); // a browser has few of them
  return data;
}
