// What the cards show as one picture, drawn from where everything stands on the page.
const SHARP = 2; // pixels for each of the page's
const MARGIN = 16;

export function drawFigure(root) {
  const { style } = document.documentElement;
  style.colorScheme = "light"; // as figures are printed
  const { left, top, width, height } = root.getBoundingClientRect();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height].map((side) => SHARP * (side + 2 * MARGIN));
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(SHARP, 0, 0, SHARP, SHARP * (MARGIN - left), SHARP * (MARGIN - top));
  walk(root, context);
  style.colorScheme = "";
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function walk(node, context) {
  if (node instanceof Text) return write(node, context);
  if (!node.checkVisibility?.()) return;
  const { left, top, width, height } = node.getBoundingClientRect();
  const { backgroundColor, imageRendering } = getComputedStyle(node);
  context.fillStyle = backgroundColor;
  context.fillRect(left, top, width, height);
  context.imageSmoothingEnabled = imageRendering !== "pixelated";
  if (node instanceof HTMLCanvasElement) context.drawImage(node, left, top, width, height);
  node.childNodes.forEach((child) => walk(child, context));
}

// Word by word, as the page has broken the lines.
function write(text, context) {
  const { fontWeight, fontSize, fontFamily, color } = getComputedStyle(text.parentElement);
  const font = `${fontWeight} ${fontSize} ${fontFamily}`;
  Object.assign(context, { font, fillStyle: color, textBaseline: "middle" });
  for (const { 0: word, index } of text.data.matchAll(/\S+/g)) {
    const range = document.createRange();
    range.setStart(text, index);
    range.setEnd(text, index + word.length);
    const { left, top, height } = range.getBoundingClientRect();
    context.fillText(word, left, top + height / 2);
  }
}
