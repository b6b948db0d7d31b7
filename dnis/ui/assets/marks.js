// Drawing that both components share. Each component is this file followed by its own; see live.py.

const SVG = "http://www.w3.org/2000/svg";

function make(tag, attributes = {}, children = []) {
  const node = document.createElement(tag);
  return fill(node, attributes, children);
}

function shape(tag, attributes = {}, children = []) {
  const node = document.createElementNS(SVG, tag);
  return fill(node, attributes, children);
}

// Text always goes in as text, never as markup: labels come from people's own data.
function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function bytesOf(base64) {
  const text = atob(base64 || "");
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

function floatsOf(base64) {
  return new Float32Array(bytesOf(base64).buffer);
}

// 256 colours from the page's background (0: nothing there) through the theme's sequential scale.
function ramp(host) {
  const style = getComputedStyle(host);
  const stops = [style.getPropertyValue("--st-background-color"), ...style.getPropertyValue("--st-chart-sequential-colors").split(",")]
    .map(rgb)
    .filter(Boolean);
  const out = new Uint8ClampedArray(256 * 4);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (stops.length - 1);
    const k = Math.min(stops.length - 2, Math.floor(place));
    for (let c = 0; c < 3; c++) out[4 * i + c] = stops[k][c] + (place - k) * (stops[k + 1][c] - stops[k][c]);
    out[4 * i + 3] = 255;
  }
  return out;
}

function rgb(text) {
  const hex = text.trim().match(/^#([0-9a-f]{3}|[0-9a-f]{6})$/i);
  if (hex) {
    const full = hex[1].length === 3 ? hex[1].replace(/./g, "$&$&") : hex[1];
    return [0, 2, 4].map((i) => parseInt(full.slice(i, i + 2), 16));
  }
  const numbers = text.match(/[\d.]+/g);
  return text.includes("rgb") && numbers ? numbers.slice(0, 3).map(Number) : null;
}

function css(colours, index) {
  return `rgb(${colours[4 * index]},${colours[4 * index + 1]},${colours[4 * index + 2]})`;
}

// Round numbers that cover [low, high], about `count` of them.
function ticks(low, high, count) {
  const span = high - low || 1;
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((m) => m * power >= 0.75 * raw) || 10);
  const out = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-9; v += step) out.push(Math.abs(v) < step * 1e-9 ? 0 : v);
  return out;
}

function tickText(value, step) {
  const digits = step >= 1 ? 0 : Math.min(6, Math.ceil(-Math.log10(step) - 1e-9));
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function whole(value) {
  return Math.round(value).toLocaleString("en");
}

function share(value) {
  return `${(100 * value).toFixed(1)} %`;
}

function sizeText(bytes) {
  // as the server writes sizes: at most three digits that count
  const amount = (value) => String(Number(value.toPrecision(3)));
  if (bytes < 1000) return `${whole(bytes)} B`;
  if (bytes < 999_500) return `${amount(bytes / 1e3)} kB`;
  return bytes < 999_500_000 ? `${amount(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

// "{kept} of {all}" with names from `values`.
function say(template, values) {
  return template.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

// A path through points; gaps where a value is missing.
function path(xs, ys) {
  let out = "";
  let pen = "M";
  for (let i = 0; i < xs.length; i++) {
    if (ys[i] === null || ys[i] === undefined || Number.isNaN(ys[i])) {
      pen = "M";
      continue;
    }
    out += `${pen}${xs[i].toFixed(1)} ${ys[i].toFixed(1)}`;
    pen = "L";
  }
  return out;
}

// Axes of a chart as SVG nodes. `box`: left, right, top, bottom of the plot; the x scale runs over [x0, x1].
function axes(box, x, y, xLabel, yLabel) {
  const nodes = [];
  const yTicks = ticks(y.low, y.high, 6);
  for (const value of yTicks) {
    const at = y.at(value);
    nodes.push(shape("line", { class: "grid", x1: box.left, x2: box.right, y1: at, y2: at }));
    nodes.push(shape("text", { class: "tick", x: box.left - 6, y: at + 4, "text-anchor": "end", text: tickText(value, yTicks[1] - yTicks[0] || value) }));
  }
  for (const [value, text] of x.ticks)
    nodes.push(shape("text", { class: "tick", x: x.at(value), y: box.bottom + 16, "text-anchor": "middle", text }));
  nodes.push(shape("text", { class: "name", x: (box.left + box.right) / 2, y: box.bottom + 33, "text-anchor": "middle", text: xLabel }));
  nodes.push(shape("text", { class: "name", x: box.left - 40, y: box.top - 8, text: yLabel }));
  return nodes;
}

function scale(low, high, from, to) {
  const span = high - low || 1;
  return { low, high, at: (v) => from + ((v - low) / span) * (to - from), value: (p) => low + ((p - from) / (to - from)) * span };
}

function stillWanted() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

// The page keeps a place of about the right height for what is still on its way; from here on it is as high as it is.
function takeOwnHeight(parentElement) {
  const place = (parentElement.host ?? parentElement).closest("[data-testid=stElementContainer]");
  if (place) Object.assign(place.style, { height: "auto", flex: "none", overflow: "visible" });
}

// One view per mounted component: Streamlit calls the export again at every change of data or theme.
const VIEWS = new WeakMap();
// on a page that is being changed, a component may begin before it has its place, and colours, in it
const isStyled = (root) => getComputedStyle(root).getPropertyValue("--st-background-color") !== "";

function mount(component, View) {
  const { parentElement, data } = component;
  const root = parentElement.querySelector(".root");
  const view = VIEWS.get(parentElement) ?? new View(root);
  VIEWS.set(parentElement, view);
  view.component = component;
  const begin = () => {
    if (view.component !== component) return;
    if (!isStyled(root)) return void requestAnimationFrame(begin);
    view.update(data);
    if (!view.observer) {
      view.observer = new ResizeObserver(() => view.draw());
      view.observer.observe(root);
    }
    // after the size is known and all is drawn
    requestAnimationFrame(() => requestAnimationFrame(() => takeOwnHeight(parentElement)));
  };
  begin();
  return () => {
    view.component = null;
    view.observer?.disconnect();
    view.end?.();
    VIEWS.delete(parentElement);
  };
}
