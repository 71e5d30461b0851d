// The page: a picture in, its maps laid over it.

import { colour, mapsOf, predict } from './lib/found.js';
import { openModel } from './lib/model.js';
import { preprocess, seenBox } from './lib/preprocess.js';
import { LIKELIEST } from './lib/target.js';

const $ = (id) => document.getElementById(id);
const MODEL = new URLSearchParams(location.search).get('model') ?? 'model.onnx';

let opened; // the last picture: its name, what the model sees of it, and that as its input
let shown; // of this picture: its name, what was found, and the maps to draw
let work = start(); // one thing after the other, in the order asked for

async function start() {
  try {
    const model = await openModel(MODEL);
    listClasses(model.classes);
    $('file').disabled = false;
    say(`${model.manifest.name} is ready.`);
    return model;
  } catch (error) {
    say('');
    complain(error.message);
    return null;
  }
}

function open(file) {
  next(async (model) => {
    say(`Looking at ${file.name} …`);
    const picture = await decode(file);
    const recipe = model.manifest.preprocessing;
    const seen = seenBox(picture, recipe);
    await look(model, { name: file.name, picture, seen, pixels: preprocess(picture, seen, recipe) });
  });
}

/** Look at a picture, in a file with classes at the one that is chosen. */
async function look(model, asked) {
  const { name, picture, seen, pixels } = asked;
  const target = model.classes ? Number($('class').value) : undefined;
  const started = performance.now();
  const found = await model.look(pixels, target);
  const milliseconds = (performance.now() - started).toFixed(0);
  opened = asked;
  shown = { name, found, maps: mapsOf(found) };
  drawPicture(picture, seen);
  listMaps();
  listPrediction(found.logits ? predict(found.logits, model.manifest.classes) : []);
  $('result').hidden = false;
  drawMap();
  const sought = model.classes?.[target];
  const seenAs = sought === undefined ? name : `${name} for ${sought}`;
  say(`${model.manifest.name} looked at ${seenAs} in ${milliseconds} ms, on ${model.runtime}.`);
}

function next(task) {
  work = work.then(async (model) => {
    if (!model) return model;
    complain('');
    try {
      await task(model);
    } catch (error) {
      say('');
      complain(error.message);
    }
    return model;
  });
}

/** Read a file the right way up, its colours as they are written. */
async function decode(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, {
      colorSpaceConversion: 'none',
      premultiplyAlpha: 'none',
    });
  } catch (error) {
    throw new Error(`${file.name} is no picture that this browser reads.`, { cause: error });
  }
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return { bitmap, width, height, data: context.getImageData(0, 0, width, height).data };
}

function drawPicture({ bitmap }, seen) {
  const canvas = $('picture');
  // Small pictures are enlarged, huge ones would fill a phone's memory.
  const scale = Math.min(Math.max(960 / seen.width, 1), 1920 / seen.width);
  canvas.width = Math.round(seen.width * scale);
  canvas.height = Math.round(seen.height * scale);
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(
    bitmap,
    ...[seen.left, seen.top, seen.width, seen.height],
    ...[0, 0, canvas.width, canvas.height],
  );
}

/** Offer the classes that a file can be asked about; in a file without that input, none. */
function listClasses(classes) {
  $('classes').hidden = !classes;
  const options = (classes ?? []).map((name, number) => new Option(name, number));
  $('class').replaceChildren(new Option('The likeliest', LIKELIEST), ...options);
}

function listMaps() {
  const before = $('map').value;
  const names = [...shown.maps.keys()];
  $('map').replaceChildren(...names.map((name) => new Option(name)));
  if (names.includes(before)) $('map').value = before;
}

function listPrediction(ranked) {
  const lines = ranked.slice(0, 3).map(({ name, share }) => {
    const line = document.createElement('li');
    const percent = `${(100 * share).toFixed(1)} %`;
    line.style.setProperty('--share', `${100 * share}%`);
    line.append(Object.assign(document.createElement('span'), { textContent: name }), percent);
    return line;
  });
  $('prediction').replaceChildren(...lines);
}

/** Lay the chosen map over the picture: one pixel a patch, which the browser enlarges. */
function drawMap() {
  const name = $('map').value;
  const map = shown.maps.get(name);
  const { data, width, height } = colour(map);
  const canvas = $('heat');
  Object.assign(canvas, { width, height });
  canvas.getContext('2d').putImageData(new ImageData(data, width, height), 0, 0);
  canvas.style.opacity = $('strength').value / 100;
  $('picture').style.filter = `grayscale(${$('strength').value}%)`;

  const values = map.flat();
  const highest = values.indexOf(Math.max(...values));
  const [row, column] = [Math.floor(highest / width) + 1, (highest % width) + 1];
  const place = `row ${row} of ${height}, column ${column} of ${width}`;
  const told = `${shown.name} with a heat map over it, brightest in ${place}.`;
  $('layers').setAttribute('aria-label', told);
  $('caption').textContent = `${name}: highest in ${place}.`;
}

async function savePicture() {
  const { width, height } = $('picture');
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  context.drawImage($('picture'), 0, 0);
  context.globalAlpha = $('strength').value / 100;
  context.globalCompositeOperation = 'saturation'; // with black: grey
  context.fillRect(0, 0, width, height);
  context.globalCompositeOperation = 'source-over';
  context.imageSmoothingQuality = 'high';
  context.drawImage($('heat'), 0, 0, width, height);
  save(await canvas.convertToBlob(), 'png');
}

function saveNumbers() {
  save(new Blob([JSON.stringify(shown.found)], { type: 'application/json' }), 'json');
}

function save(blob, suffix) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = `${shown.name.replace(/\.\w+$/, '')}.${suffix}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000); // some browsers begin later
}

function say(sentence) {
  $('status').textContent = sentence;
}

function complain(sentence) {
  $('error').textContent = sentence;
  $('error').hidden = !sentence;
}

$('file').addEventListener('change', ({ target }) => {
  if (target.files.length) open(target.files[0]);
  target.value = ''; // so that the same picture can be chosen again
});
$('class').addEventListener('change', () => next((model) => look(model, opened)));
$('map').addEventListener('change', drawMap);
$('strength').addEventListener('input', drawMap);
$('save-picture').addEventListener('click', savePicture);
$('save-numbers').addEventListener('click', saveNumbers);
for (const kind of ['dragover', 'dragleave', 'drop']) {
  $('chooser').addEventListener(kind, (event) => {
    event.preventDefault();
    $('chooser').classList.toggle('over', kind === 'dragover');
    if (kind === 'drop' && event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
  });
}
