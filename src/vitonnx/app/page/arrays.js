// Arrays as answers have them, {dtype, shape, data}, and as NumPy saves them: a zip of .npy files,
// stored as they are.

const TYPES = {
  float32: ["<f4", Float32Array],
  float64: ["<f8", Float64Array],
  int64: ["<i8", BigInt64Array],
  uint8: ["|u1", Uint8Array],
  bool: ["|b1", Uint8Array],
};
const ALIGNED = 64;

// An answer as JSON, with its arrays as base64, wherever in it.
export function unpack(text) {
  return JSON.parse(text, (_, value) => {
    if (!TYPES[value?.dtype]) return value;
    const [, type] = TYPES[value.dtype];
    return { ...value, data: new type(fromBase64(value.data).buffer) };
  });
}

export const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt());

export function words(list) {
  const letters = list.map((word) => [...word].map((letter) => letter.codePointAt(0)));
  const longest = Math.max(1, ...letters.map(({ length }) => length));
  const data = new Uint32Array(longest * list.length);
  letters.forEach((word, at) => data.set(word, at * longest));
  return { type: `<U${longest}`, shape: [list.length], data };
}

export function npz(arrays) {
  const [bodies, index] = [[], []];
  let [offset, size] = [0, 0];
  for (const [name, array] of Object.entries(arrays)) {
    const [title, body] = [new TextEncoder().encode(`${name}.npy`), npy(array)];
    const facts = bytes([20, 2], [0x800, 2], [0, 2], [0, 2], [0x21, 2], [crc(body), 4], // January 1980
      [body.length, 4], [body.length, 4], [title.length, 2], [0, 2]);
    bodies.push(bytes([0x04034b50, 4]), facts, title, body);
    const place = bytes([0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]);
    index.push(bytes([0x02014b50, 4], [20, 2]), facts, place, title);
    offset += 4 + facts.length + title.length + body.length;
    size += 20 + facts.length + title.length;
  }
  const count = Object.keys(arrays).length;
  const end = bytes([0x06054b50, 4], [0, 4], [count, 2], [count, 2], [size, 4], [offset, 4], [0, 2]);
  return new Blob([...bodies, ...index, end], { type: "application/zip" });
}

function npy({ dtype, type = TYPES[dtype][0], shape, data }) {
  const sides = shape.map((side) => `${side},`).join(" ");
  const tuple = shape.length > 1 ? sides.slice(0, -1) : sides;
  const words = `{'descr': '${type}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const length = Math.ceil((10 + words.length + 1) / ALIGNED) * ALIGNED - 10;
  const head = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, length & 255, length >> 8];
  const body = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return Uint8Array.from([...head, ...new TextEncoder().encode(`${words.padEnd(length - 1)}\n`), ...body]);
}

const bytes = (...fields) => Uint8Array.from(fields.flatMap(([value, count]) =>
  Array.from({ length: count }, (_, at) => (value >>> (8 * at)) & 255)));

function crc(body) {
  let sum = ~0;
  for (const byte of body) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}
