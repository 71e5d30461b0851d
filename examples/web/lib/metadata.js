// What vitonnx wrote into the file about it. onnxruntime reads metadata in Python, C++, C# and Java,
// but not in JavaScript; it takes little: an ONNX file is a protobuf message whose fields 14 are
// the metadata, each a message of a key, field 1, and a value, field 2.

const METADATA = 14;

/** Give the metadata of an ONNX file, an object of strings, from its bytes; none of other files. */
export function readMetadata(bytes) {
  const text = new TextDecoder();
  const metadata = {};
  for (const [number, content] of fields(bytes)) {
    if (number !== METADATA) continue;
    const entry = Object.fromEntries(fields(content));
    metadata[text.decode(entry[1])] = text.decode(entry[2]);
  }
  return metadata;
}

const VERSION = 1; // of the contract that these programs keep: what is newer may mean other things

/** Give the manifest of a baked file, from its metadata. */
export function readManifest(metadata, file) {
  if (!('vitonnx.baked' in metadata)) {
    throw new Error(`${file} is no baked file: make one with \`vitonnx bake\`.`);
  }
  const manifest = JSON.parse(metadata['vitonnx.manifest']);
  if (manifest.contract_version > VERSION) {
    throw new Error(
      `${file} follows version ${manifest.contract_version} of the contract, for a picture that is ` +
        `padded, or another new step: this program knows version ${VERSION} alone.`,
    );
  }
  return manifest;
}

/** Walk over the fields of a protobuf message that have a length: their numbers and their bytes. */
function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (!(byte & 128)) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0: // a number of any length
        varint();
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const length = varint();
        yield [number, bytes.subarray(at, at + length)];
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        return; // no protobuf message
    }
  }
}
