// What the cards show as one picture, drawn from where everything stands on the page.

const SHARP = 2; // pixels for each of the page's
const MARGIN = 16;

export async function drawFigure(root) {
  const scheme = document.documentElement.style;
  scheme.colorScheme = "light"; // as figures are printed
  const box = root.getBoundingClientRect();
  const canvas = document.createElement("canvas");
  canvas.width = SHARP * (box.width + 2 * MARGIN);
  canvas.height = SHARP * (box.height + 2 * MARGIN);
  const context = canvas.getContext("2d");
  context.scale(SHARP, SHARP);
  context.fillStyle = getComputedStyle(document.body).backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.translate(MARGIN - box.left, MARGIN - box.top);
  const drawings = [];
  walk(root, context, drawings);
  scheme.colorScheme = "";
  for (const [svg, image, frame] of drawings) {
    await image.decode();
    draw(context, svg, frame, () => context.drawImage(image, ...frame));
  }
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function walk(node, context, drawings) {
  if (node instanceof Text) return write(node, context);
  if (!(node instanceof Element) || !node.checkVisibility()) return;
  const { left, top, width, height } = node.getBoundingClientRect();
  const style = getComputedStyle(node);
  const frame = [left, top, width, height];
  context.fillStyle = style.backgroundColor;
  context.fillRect(...frame);
  if (node instanceof HTMLCanvasElement && node.width) {
    context.imageSmoothingEnabled = style.imageRendering !== "pixelated";
    draw(context, node, frame, () => context.drawImage(node, ...frame));
  } else if (node instanceof SVGSVGElement) {
    const copy = node.cloneNode(true);
    for (const [name, value] of Object.entries({ xmlns: "http://www.w3.org/2000/svg", width, height, color: style.color, "font-family": "sans-serif" })) copy.setAttribute(name, value);
    const image = new Image();
    image.src = `data:image/svg+xml,${encodeURIComponent(copy.outerHTML)}`;
    drawings.push([node, image, frame]);
  } else node.childNodes.forEach((child) => walk(child, context, drawings));
}

// Nothing of a map reaches beyond its frame.
function draw(context, node, frame, paint) {
  const around = node.closest(".map")?.getBoundingClientRect();
  context.save();
  if (around) {
    context.beginPath();
    context.rect(around.left, around.top, around.width, around.height);
    context.clip();
  }
  paint();
  context.restore();
}

// Word by word, as the page has broken the lines.
function write(text, context) {
  const style = getComputedStyle(text.parentElement);
  context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.fillStyle = style.color;
  context.textBaseline = "middle";
  for (const { 0: word, index } of text.data.matchAll(/\S+/g)) {
    const range = document.createRange();
    range.setStart(text, index);
    range.setEnd(text, index + word.length);
    const { left, top, height } = range.getBoundingClientRect();
    context.fillText(word, left, top + height / 2);
  }
}
