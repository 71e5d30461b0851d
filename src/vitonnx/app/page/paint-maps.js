// Maps of numbers in the colours of one scale; see sheet.js.
import { bar, paint, scaleOf, slice } from "./colours.js";
import { short } from "./make.js";
import { shownOf, shows } from "./place.js";

export function paintMaps(views) {
  const { labels, fromZero, unit } = views[0].finding;
  const scale = scaleOf(views.flatMap(counted), fromZero);
  const layer = ({ finding: { values, masks, mark } }, at) =>
    ({ painted: paint(slice(values, at), scale), mask: masks && slice(masks, at), mark });
  return { labels, layer, tell: highest, key: bar(scale, unit) };
}

// What the scale is made for: the parts where there are any, without the padding.
function counted({ finding: { values, alike }, view }) {
  const [maps, ...grid] = values.shape;
  const first = maps > 1 && !alike ? 1 : 0;
  const shown = (_, at) => [...shownOf(view, grid, slice(values, first + at))];
  return Array.from({ length: maps - first }, shown).flat();
}

function highest({ finding: { values }, view }, at) {
  const [, rows, columns] = values.shape;
  const place = (patch) => [Math.floor(patch / columns), patch % columns];
  const map = slice(values, at);
  const patches = [...map.keys()].filter((patch) => shows(view, [rows, columns], place(patch)));
  const best = patches.reduce((most, patch) => (map[patch] > map[most] ? patch : most));
  const [row, column] = place(best);
  return `Most, ${short(map[best])}, is at row ${row + 1}, column ${column + 1} of ${rows} by ${columns} patches.`;
}
