// Saves a figure as it stands on the page: SVG, or PNG at three times its size. The page's background goes along, or
// letters made for a dark page would be lost on a white one.

const TIMES = 3;
const NOT_DRAWN = ".hoverlayer, .draglayer, .zoomlayer, .selectionlayer, .infolayer .rangeslider-container";

function picture(plot, host) {
  const layers = [...plot.querySelectorAll("svg.main-svg")];
  const { width, height } = layers[0].getBoundingClientRect();
  const style = getComputedStyle(host);
  const size = { width, height, viewBox: `0 0 ${width} ${height}` };
  const out = shape("svg", { xmlns: SVG, ...size, role: "img", "font-family": "sans-serif" });
  out.append(shape("title", { text: plot.closest("[aria-label]")?.getAttribute("aria-label") || "" }));
  out.append(shape("rect", { width, height, fill: style.getPropertyValue("--st-background-color") }));
  for (const layer of layers) {
    const copy = layer.cloneNode(true);
    // letters take their colour from the page, which the file does not have
    const letters = layer.querySelectorAll("text");
    copy.querySelectorAll("text").forEach((text, i) => {
      const { fill, fillOpacity } = getComputedStyle(letters[i]);
      Object.assign(text.style, { fill, fillOpacity });
    });
    for (const node of copy.querySelectorAll(NOT_DRAWN)) node.remove();
    out.append(...copy.childNodes);
  }
  return { width, height, text: new XMLSerializer().serializeToString(out) };
}

function hand(blob, name) {
  const address = URL.createObjectURL(blob);
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

async function painted({ width, height, text }) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = make("canvas", { width: Math.round(TIMES * width), height: Math.round(TIMES * height) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".saver");
  const said = root.querySelector("output");
  const save = (ending, toBlob) => async () => {
    const plot = document.querySelector(`.st-key-${data.chart} .js-plotly-plot`);
    hand(await toBlob(picture(plot, root)), `${data.name}.${ending}`);
    said.textContent = `${data.name}.${ending}`;
  };
  const buttons = { svg: ({ text }) => new Blob([text], { type: "image/svg+xml" }), png: painted };
  for (const [ending, toBlob] of Object.entries(buttons)) {
    const button = root.querySelector(`.${ending}`);
    button.textContent = ending.toUpperCase();
    button.onclick = save(ending, toBlob);
  }
}
