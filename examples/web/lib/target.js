// The class that a file baked with `--target input` is asked about, picture by picture.

export const LIKELIEST = -1; // in the place of a class's number

/** Tell whether a file has a class as its input; refuse one with an input that is no class. */
export function takesTarget({ inputNames }, file) {
  if (inputNames.includes('queries')) {
    throw new Error(`${file} asks for a patch of each picture: bake it without --query.`);
  }
  return inputNames.includes('target');
}

/** Name the classes of a file: as its manifest does, or by their numbers, as many as logits. */
export function classesOf({ outputMetadata }, { classes }, file) {
  if (classes) return classes;
  const logits = outputMetadata.find(({ name }) => name === 'logits');
  if (!logits) throw new Error(`${file} doesn't say which classes it has: bake it with --logits.`);
  return Array.from({ length: logits.shape[1] }, (_, index) => `class ${index}`);
}

/** Find the number of a class by its name or number. */
export function findClass(asked, classes) {
  const [first, second] = Array.from(classes.keys()).filter((number) => classes[number] === asked);
  if (second !== undefined) {
    throw new Error(`the classes ${first} and ${second} are both called ${asked}: give the number.`);
  }
  if (first !== undefined) return first;
  if (/^\d+$/.test(asked) && Number(asked) < classes.length) return Number(asked);
  throw new Error(
    `the file has no class ${asked}: give a name, or a number from 0 to ${classes.length - 1}.`,
  );
}

/** Make what a file is given of one picture; without a target, of a file that takes none. */
export function feedsOf({ Tensor }, pixels, [height, width], target) {
  const feeds = { images: new Tensor('uint8', pixels, [1, height, width, 3]) };
  if (target !== undefined) {
    feeds.target = new Tensor('int64', BigInt64Array.of(BigInt(target)), [1]);
  }
  return feeds;
}
