// Makes an element with attributes, listeners and children. Strings become text, never markup.

const DRAWN = new Set(["svg", "path", "rect", "circle", "text"]);

export function make(name, attributes = {}, ...children) {
  const made = DRAWN.has(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

export const part = (id) => document.getElementById(id);

export const short = (value) => Number(value.toPrecision(3)).toString();
