// Makes an element with attributes, listeners and children. Strings become text, never markup.
const DRAWN = ["svg", "path", "rect", "circle", "text", "title"];
export function make(name, attributes = {}, ...children) {
  const space = DRAWN.includes(name) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
  const made = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

export const part = (id) => document.getElementById(id);
export const short = (value) => Number(Number(value).toPrecision(3)).toString();
