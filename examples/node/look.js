// Show where a Vision Transformer looks, with a baked file and no vitonnx.
//
//     node look.js MODEL.onnx PICTURE OUT.png [CLASS]
//
// prints the prediction, if the file gives logits, and writes the heat map over the picture, and
// beside it OUT.json with all that the file gives, raw. A file baked with `--target input` is asked
// about CLASS, a name or a number; without it, about the likeliest.

import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import ort from 'onnxruntime-node';
import sharp from 'sharp';

// The page's own files, which know nothing of a browser.
import { colour, mapsOf, predict, toLists } from '../web/lib/found.js';
import { readManifest, readMetadata } from '../web/lib/metadata.js';
import { preprocess, seenBox } from '../web/lib/preprocess.js';
import { LIKELIEST, classesOf, feedsOf, findClass, takesTarget } from '../web/lib/target.js';

async function main(model, file, out, asked) {
  const { session, manifest } = await openModel(model);
  const target = targetOf(session, manifest, model, asked);
  const recipe = manifest.preprocessing;
  const picture = await readPicture(file);
  const seen = seenBox(picture, recipe);

  const pixels = preprocess(picture, seen, recipe);
  const found = toLists(await session.run(feedsOf(ort, pixels, recipe.size, target)));

  if (found.logits) {
    for (const { share, name } of predict(found.logits, manifest.classes).slice(0, 3)) {
      console.log(`${(100 * share).toFixed(1).padStart(5)}%  ${name}`);
    }
  }
  const [map] = mapsOf(found).values();
  await writeFile(out, await overlay(picture, seen, colour(map)));
  const { dir, name } = path.parse(out);
  await writeFile(path.join(dir, `${name}.json`), JSON.stringify(found));
  console.log(out);
}

/** Open the file, and read the manifest that vitonnx wrote into it. */
async function openModel(file) {
  const manifest = readManifest(readMetadata(await readFile(file)), file);
  return { session: await ort.InferenceSession.create(file), manifest };
}

/** Give the number of the class that is asked about, if the file takes one. */
function targetOf(session, manifest, file, asked) {
  if (takesTarget(session, file)) {
    return asked === undefined ? LIKELIEST : findClass(asked, classesOf(session, manifest, file));
  }
  if (asked !== undefined) {
    throw new Error(`${file} takes no class: bake it with --probe attribution --target input.`);
  }
  return undefined;
}

/** Read a picture the right way up, as plain RGB. */
async function readPicture(file) {
  const { data, info } = await sharp(file)
    .autoOrient()
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/** Lay a map's colours over what the model sees of the picture, in grey: a PNG. */
async function overlay({ data, width, height }, seen, heat) {
  const box = Object.fromEntries(Object.entries(seen).map(([side, at]) => [side, Math.round(at)]));
  const { data: small, ...size } = heat;
  const input = await sharp(small, { raw: { ...size, channels: 4 } })
    .resize({ width: box.width, height: box.height, fit: 'fill', kernel: 'linear' })
    .png()
    .toBuffer();
  return sharp(data, { raw: { width, height, channels: 3 } })
    .extract(box)
    .greyscale()
    .toColourspace('srgb')
    .composite([{ input }])
    .png()
    .toBuffer();
}

if (![5, 6].includes(process.argv.length)) {
  console.error('Usage: node look.js MODEL.onnx PICTURE OUT.png [CLASS]');
  process.exit(1);
}
try {
  await main(...process.argv.slice(2));
} catch (error) {
  console.error(`look.js: ${error.message.split('\n')[0]}`);
  process.exitCode = 1;
}
