// Makes an element with attributes, listeners and children. Strings become text, never markup.
export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

export const part = (id) => document.getElementById(id);
export const short = (value) => Number(Number(value).toPrecision(3)).toString();
