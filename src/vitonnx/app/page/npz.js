// Arrays as NumPy saves them: a zip of .npy files, stored as they are.

const TYPES = { float32: "<f4", float64: "<f8", int64: "<i8", uint8: "|u1", bool: "|b1" };
const ALIGNED = 64;

export function words(list) {
  const longest = Math.max(1, ...list.map((word) => [...word].length));
  const data = new Uint32Array(longest * list.length);
  list.forEach((word, at) => data.set([...word].map((letter) => letter.codePointAt(0)), at * longest));
  return { type: `<U${longest}`, shape: [list.length], data };
}

export function npz(arrays) {
  const files = Object.entries(arrays).map(([name, array]) => [`${name}.npy`, npy(array)]);
  const [bodies, index] = [[], []];
  let offset = 0;
  for (const [name, body] of files) {
    const title = new TextEncoder().encode(name);
    const facts = numbers([20, 2], [0x800, 2], [0, 2], [0, 2], [0x21, 2], [crc(body), 4],
      [body.length, 4], [body.length, 4], [title.length, 2], [0, 2]);
    bodies.push(numbers([0x04034b50, 4]), facts, title, body);
    index.push(numbers([0x02014b50, 4], [20, 2]), facts, numbers([0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), title);
    offset += 4 + facts.length + title.length + body.length;
  }
  const size = index.reduce((sum, piece) => sum + piece.length, 0);
  const end = numbers([0x06054b50, 4], [0, 4], [files.length, 2], [files.length, 2], [size, 4], [offset, 4], [0, 2]);
  return new Blob([...bodies, ...index, end], { type: "application/zip" });
}

function npy({ dtype, type = TYPES[dtype], shape, data }) {
  const sides = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const words = `{'descr': '${type}', 'fortran_order': False, 'shape': (${sides}), }`;
  const length = Math.ceil((10 + words.length + 1) / ALIGNED) * ALIGNED - 10;
  const head = new TextEncoder().encode(`\x00NUMPY..${"  "}${words.padEnd(length - 1)}\n`);
  head.set([0x93], 0);
  head.set([1, 0, length & 255, length >> 8], 6);
  const file = new Uint8Array(head.length + data.byteLength);
  file.set(head);
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), head.length);
  return file;
}

function numbers(...fields) {
  return Uint8Array.from(fields.flatMap(([value, bytes]) =>
    Array.from({ length: bytes }, (_, at) => (value >>> (8 * at)) & 255)));
}

function crc(bytes) {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}
