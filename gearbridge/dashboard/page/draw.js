// How figures, times and sparklines look, and rows that keep their place and focus while they change.

const whole = new Intl.NumberFormat("en");
const brief = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = (number) => (number < 1e6 ? whole.format(number) : brief.format(number));
export const perSecond = (number) => (number >= 100 ? whole.format(Math.round(number)) : String(Math.round(number * 10) / 10));

export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

export function size(octets) {
  if (octets < 1000) return `${octets} bytes`;
  return octets < 1e6 ? `${Math.round(octets / 1000)} kB` : `${(octets / 1e6).toFixed(1)} MB`;
}

const SVG = "http://www.w3.org/2000/svg";

/** Draw points as a line with a wash below it; the newest is at the right, and `places` is how many fit. */
export function line(element, points, places = 60) {
  if (!element.firstChild) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 100 20");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    for (const name of ["area", "stroke"]) {
      svg.append(Object.assign(document.createElementNS(SVG, "path"), {}));
      svg.lastChild.setAttribute("class", name);
    }
    element.append(svg);
  }
  const [area, stroke] = element.firstChild.children;
  const top = Math.max(...points, 1);
  const step = 100 / (places - 1);
  const at = points.map((value, index) => {
    const x = 100 - (points.length - 1 - index) * step;
    return `${x.toFixed(1)} ${(19.5 - (value / top) * 18.5).toFixed(1)}`;
  });
  const drawn = at.length > 1 ? `M${at.join("L")}` : "";
  stroke.setAttribute("d", drawn);
  area.setAttribute("d", drawn && `${drawn}L100 20L${at[0].split(" ")[0]} 20Z`);
}

/** Set an element's text, and leave it alone where nothing changed, so that a selection in it survives. */
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

export function cell(label, className = "", role = "cell") {
  const element = document.createElement("td");
  element.setAttribute("role", role);
  element.dataset.label = label;
  element.className = className;
  return element;
}

/** Make the rows of a table body those of `items`, in their order; rows are kept by `key`. */
export function rows(body, items, key, make, update) {
  const present = new Map([...body.children].map((row) => [row.dataset.key, row]));
  let place = body.firstChild;
  for (const item of items) {
    const name = key(item);
    let row = present.get(name);
    present.delete(name);
    if (!row) {
      row = make(item);
      row.setAttribute("role", "row");
      row.dataset.key = name;
    }
    update(row, item);
    if (row === place) place = place.nextSibling;
    else body.insertBefore(row, place);
  }
  for (const gone of present.values()) gone.remove();
}
