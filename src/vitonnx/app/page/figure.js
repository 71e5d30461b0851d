// What the cards show as one picture, drawn from where everything stands on the page.
const SHARP = 2; // pixels for each of the page's
const MARGIN = 16;

export async function drawFigure(root) {
  const { style } = document.documentElement;
  style.colorScheme = "light"; // as figures are printed
  const { left, top, width, height } = root.getBoundingClientRect();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height].map((side) => SHARP * (side + 2 * MARGIN));
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(SHARP, 0, 0, SHARP, SHARP * (MARGIN - left), SHARP * (MARGIN - top));
  const plots = []; // which take their time
  walk(root, context, plots);
  style.colorScheme = "";
  for (const { image, box } of plots) {
    await image.decode();
    context.drawImage(image, ...box);
  }
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function walk(node, context, plots) {
  if (node instanceof Text) return write(node, context);
  if (!(node instanceof Element) || !node.checkVisibility()) return;
  const { left, top, width, height } = node.getBoundingClientRect();
  const { backgroundColor, color, imageRendering } = getComputedStyle(node);
  context.fillStyle = backgroundColor;
  context.fillRect(left, top, width, height);
  context.imageSmoothingEnabled = imageRendering !== "pixelated";
  if (node instanceof HTMLCanvasElement) context.drawImage(node, left, top, width, height);
  else if (node instanceof SVGSVGElement) {
    const [copy, image] = [node.cloneNode(true), new Image(width, height)];
    const looks = { xmlns: node.namespaceURI, width, height, color, "font-family": "sans-serif" };
    for (const [name, value] of Object.entries(looks)) copy.setAttribute(name, value);
    image.src = `data:image/svg+xml,${encodeURIComponent(copy.outerHTML)}`;
    plots.push({ image, box: [left, top, width, height] });
  } else node.childNodes.forEach((child) => walk(child, context, plots));
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
