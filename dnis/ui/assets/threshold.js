// The threshold slider: one number moves the marker, the facts, the mask and the bars, with no question to the server.
// The chosen threshold is reported when the visitor lets go.

const REPORT_MS = 300, ANSWER_MS = 5_000;
const STEPS = 1000;
const LEFT = 58;
const RIGHT = 14;

function changeText(value, start) {
  const change = (100 * (value - start)) / Math.abs(start);
  return `${Math.abs(change) < 0.05 ? "±" : change > 0 ? "+" : "−"}${Math.abs(change).toFixed(1)} %`;
}

class Cut {
  constructor(root) {
    this.root = root;
    this.find = (query) => root.querySelector(query);
    this.axis = "sparsity";
    this.note = "";
    this.saidAt = -Infinity;
    const range = this.find(".at");
    range.oninput = () => this.go(this.nearest(this.x.low + (Number(range.value) / STEPS) * (this.x.high - this.x.low)));
    range.onkeydown = (event) => this.walk(event);
    range.onchange = () => this.report();
    const chart = this.find(".chart");
    chart.onpointerdown = (event) => {
      chart.setPointerCapture(event.pointerId);
      this.go(this.under(event));
    };
    chart.onpointermove = (event) => chart.hasPointerCapture(event.pointerId) && this.go(this.under(event));
    chart.onpointerup = () => this.report();
    const canvas = this.find(".field canvas");
    canvas.onpointermove = (event) => this.point(event);
    canvas.onpointerleave = () => this.point(null);
    this.find(".budget input").onchange = () => this.spend();
    this.find(".budget select").onchange = () => this.priced();
    // who goes on to a button wants what is on show
    root.addEventListener("focusout", () => this.waiting && this.report());
  }

  update(data) {
    const other = !this.data || this.data.id !== data.id;
    this.data = data;
    this.words = data.words;
    this.n = data.grid.threshold.length;
    this.weights = floatsOf(data.mask.values);
    this.colours = ramp(this.root);
    this.still();
    const heard = this.indexOf(data.selected) === this.indexOf(this.reported ?? data.selected);
    if (other || heard) this.saidAt = -Infinity;
    // until the server has answered what was said last, it speaks of a choice before
    const stale = performance.now() < this.saidAt + ANSWER_MS;
    if (other || !(heard || stale || this.waiting)) {
      this.at = this.indexOf(data.selected);
      this.reported = data.selected;
    }
    this.priced();
    this.draw();
  }

  end() {
    clearTimeout(this.waiting);
  }

  // ---------------------------------------------------------------- choosing
  indexOf(threshold) {
    const grid = this.data.grid.threshold;
    let best = 0;
    for (let i = 1; i < this.n; i++) if (Math.abs(grid[i] - threshold) < Math.abs(grid[best] - threshold)) best = i;
    return best;
  }

  nearest(value) {
    const places = this.data.grid[this.axis];
    let best = 0;
    for (let i = 1; i < this.n; i++) if (Math.abs(places[i] - value) < Math.abs(places[best] - value)) best = i;
    return best;
  }

  under(event) {
    return this.nearest(this.x.value(event.clientX - this.find(".chart").getBoundingClientRect().left));
  }

  walk(event) {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -this.n, End: this.n }[event.key];
    if (!step) return;
    event.preventDefault();
    this.go(this.at + step);
    // every arrow key is a change of its own: wait until the visitor has arrived
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.report(), REPORT_MS);
  }

  go(index) {
    this.at = Math.min(this.n - 1, Math.max(0, index));
    this.note = "";
    this.priced();
    this.draw();
  }

  report() {
    clearTimeout(this.waiting);
    this.waiting = null;
    const chosen = this.data.grid.threshold[this.at];
    if (chosen !== this.reported) this.saidAt = performance.now(); // what is said twice need not be answered
    this.reported = chosen;
    this.component.setStateValue("threshold", { id: this.data.id, value: this.reported });
  }

  spend() {
    const typed = this.find(".budget input").value;
    const wanted = Number(typed);
    if (typed === "" || !Number.isFinite(wanted) || wanted < 0) {
      this.spentAt = -1; // what is in force comes back, though the box has the focus
      return this.priced();
    }
    const bytes = this.find(".budget select").value === "bytes";
    const sizes = bytes ? this.data.grid.n_bytes : this.data.grid.n_values;
    const asked = bytes ? wanted * 1000 : wanted;
    const found = sizes.findIndex((size) => size <= asked);
    this.go(found < 0 ? this.n - 1 : found);
    this.report();
    // what cannot be met to the letter must not look as if it had been
    this.note = found < 0 ? this.words.least : found === 0 ? this.words.most : "";
    this.draw();
  }

  priced() {
    const input = this.find(".budget input");
    if (input.matches(":focus") && input.value !== "" && this.at === this.spentAt) return;
    this.spentAt = this.at;
    const bytes = this.find(".budget select").value === "bytes";
    input.value = bytes ? (this.data.grid.n_bytes[this.at] / 1000).toFixed(1) : String(this.data.grid.n_values[this.at]);
  }

  // ---------------------------------------------------------------- what stands still
  still() {
    const { words, data } = this;
    const shape = JSON.stringify([words, data.features]);
    if (shape === this.framed) return;
    this.framed = shape;
    const axis = this.find(".axis");
    axis.replaceChildren(
      make("legend", { class: "hidden", text: words.axis }),
      ...["sparsity", "n_values", "n_bytes"].map((name) => {
        const input = make("input", { type: "radio", name: "axis", value: name, onchange: () => ((this.axis = name), this.draw()) });
        input.checked = name === this.axis;
        return make("label", {}, [input, words[name]]);
      }),
    );
    this.find(".budget span").textContent = words.budget;
    this.find(".budget input").setAttribute("aria-label", words.budget);
    this.find(".budget select").replaceChildren(make("option", { value: "bytes", text: "kB" }), make("option", { value: "values", text: words.values }));
    this.find(".budget select").setAttribute("aria-label", words.unit);
    this.find(".picture h2").textContent = words.picture;
    this.find(".picture .about").textContent = words.picture_about;
    this.find(".dims h2").textContent = words.dims;
    this.find(".dims .about").textContent = words.dims_about;
    this.find(".dims .bars").replaceChildren(...data.features.map((_, l) => make("span", {}, [make("small", { text: String(l) }), make("i"), make("b", { style: "font-weight:400" })])));
  }

  // ---------------------------------------------------------------- one threshold
  draw() {
    if (!this.data) return;
    const { data, words, at } = this;
    const range = this.find(".at");
    const threshold = data.grid.threshold[at];
    this.find(".slider .name").textContent = say(words.slider, { threshold: Number(threshold.toPrecision(4)) });
    range.setAttribute("aria-valuetext", say(words.spoken, { threshold: Number(threshold.toPrecision(4)), share: share(1 - data.grid.sparsity[at]) }));
    this.chart();
    // the slider runs along the axis of the chart, so that its thumb stands above the marker
    range.max = STEPS;
    range.value = (STEPS * (data.grid[this.axis][at] - this.x.low)) / (this.x.high - this.x.low);
    this.find(".facts").textContent = this.facts();
    this.mask(threshold);
    this.bars();
  }

  // An error at the slider's place: measured there, or on the straight line between the measured neighbours.
  metric(name) {
    const { measured, grid } = this.data;
    const sparsity = grid.sparsity[this.at];
    const exact = measured.threshold.indexOf(grid.threshold[this.at]);
    if (exact >= 0) return { value: measured[name][exact], measured: true };
    let right = measured.sparsity.findIndex((s) => s >= sparsity);
    right = right < 1 ? Math.min(1, measured.sparsity.length - 1) : right;
    const left = Math.max(0, right - 1);
    const span = measured.sparsity[right] - measured.sparsity[left] || 1;
    const part = (sparsity - measured.sparsity[left]) / span;
    return { value: measured[name][left] + part * (measured[name][right] - measured[name][left]), measured: false };
  }

  facts() {
    const { data, words, at } = this;
    const test = this.metric("test");
    const val = this.metric("val");
    const start = data.measured.test[0];
    const bytes = data.grid.n_bytes[at];
    const text = say(words.facts, {
      kept: whole(data.grid.n_values[at]), all: whole(data.full), share: share(1 - data.grid.sparsity[at]),
      bytes: sizeText(bytes), full: sizeText(data.full_bytes), metric: data.metric,
      test: test.value.toFixed(4), val: val.value.toFixed(4), change: changeText(test.value, start),
    });
    const again = data.retrained.filter((p) => p.test !== null && this.indexOf(p.threshold) === at).at(-1);
    const then = again ? ` ${say(words.facts_again, { metric: data.metric, test: again.test.toFixed(4), change: changeText(again.test, start) })}` : "";
    const off = at === 0 && data.grid.n_values[0] < data.full ? ` ${say(words.off, { n: whole(data.full - data.grid.n_values[0]) })}` : "";
    const note = this.note && ` ${this.note}`;
    return text + off + then + note + (test.measured ? "" : ` ${words.between}`) + (bytes >= data.full_bytes && at > 0 ? ` ${words.not_yet}` : "");
  }

  chart() {
    const { data, words, at, axis } = this;
    const svg = this.find(".chart");
    const width = Math.max(260, svg.clientWidth || 800);
    const height = 300;
    const box = { left: LEFT, right: width - RIGHT, top: 24, bottom: height - 44 };
    const uncut = { sparsity: 0, n_values: data.full, n_bytes: Math.max(data.full_bytes, data.grid.n_bytes[0]) }[axis];
    const ends = [uncut, axis === "sparsity" ? 1 : 0];
    const x = scale(ends[0], ends[1], box.left, box.right);
    x.ticks = ticks(Math.min(...ends), Math.max(...ends), Math.max(3, width / 120)).map((v) => [v, this.amount(v)]);
    const y = this.errors(box);
    this.x = x;
    const nodes = axes(box, x, y, words[`x_${axis}`], `${data.metric}, ${data.direction}`);
    nodes.push(...this.even(box, x));
    const lines = [...Object.entries(data.controls).map(([name, table]) => [`control ${name}`, table]), ["", data.measured]];
    for (const [style, table] of lines)
      for (const part of ["val", "test"]) {
        if (!table[part] || !table[axis]) continue;
        nodes.push(shape("path", { class: `curve ${part} ${style}`, d: path(table[axis].map(x.at), table[part].map((v) => (v === null ? null : y.at(Math.min(v, y.cap))))) }));
      }
    const place = x.at(data.grid[axis][at]);
    nodes.push(shape("line", { class: "cursor", x1: place, x2: place, y1: box.top - 6, y2: box.bottom }));
    for (const point of data.retrained) {
      if (point.test === null || point[axis] === null) continue;
      const [px, py] = [x.at(point[axis]), y.at(point.test)];
      const about = say(words.again, { metric: data.metric, test: point.test.toFixed(4), bytes: sizeText(point.n_bytes) });
      nodes.push(shape("path", { class: "again", d: `M${px} ${py - 7}L${px + 7} ${py}L${px} ${py + 7}L${px - 7} ${py}Z` }, [shape("title", { text: about })]));
    }
    const { value, measured } = this.metric("test");
    if (value !== null) nodes.push(shape("circle", { class: measured ? "dot" : "dot hollow", cx: place, cy: y.at(Math.min(value, y.cap)), r: 6 }));
    fill(svg, { viewBox: `0 0 ${width} ${height}`, height, "aria-label": say(words.chart, { metric: data.metric }) }, []).replaceChildren(...nodes);
    Object.assign(this.find(".at").style, { marginLeft: `${LEFT - 8}px`, width: `${width - LEFT - RIGHT + 16}px` });
    this.keys();
  }

  // Where the index has paid for itself: left of this line the cut table takes more than the uncut one.
  even(box, x) {
    const { data, words, axis } = this;
    const first = data.grid.n_bytes.findIndex((size) => size < data.full_bytes);
    if (axis !== "n_bytes" && first < 1) return []; // it pays at once, or never
    const place = x.at(axis === "n_bytes" ? data.full_bytes : data.grid[axis][first]);
    const about = axis === "n_bytes" ? words.even : words.even_here;
    return [
      shape("line", { class: "even", x1: place, x2: place, y1: box.top, y2: box.bottom }, [shape("title", { text: about })]),
      shape("text", { class: "name", x: place + 5, y: box.top + 9, text: words.even_short }, [shape("title", { text: about })]),
    ];
  }

  amount(value) {
    return this.axis === "sparsity" ? `${Math.round(100 * value)} %` : this.axis === "n_values" ? whole(value) : sizeText(value);
  }

  errors(box) {
    const { data } = this;
    const all = [data.measured, ...Object.values(data.controls)].flatMap((table) => [...(table.val || []), ...(table.test || [])]);
    const values = [...all, ...data.retrained.flatMap((p) => [p.test])].filter((v) => v !== null && v !== undefined);
    const low = Math.min(...values);
    const high = Math.max(...values);
    const pad = (high - low || 1) * 0.06;
    return { ...scale(low - pad, high + pad, box.bottom, box.top), cap: high + pad };
  }

  keys() {
    const { data, words } = this;
    const names = [["val", "", words.val], ["test", "", words.test], ...Object.keys(data.controls).flatMap((name) => [["val", `control ${name}`, say(words.control_val, { name: words.controls[name] || name })], ["test", `control ${name}`, say(words.control_test, { name: words.controls[name] || name }), words.controls_about[name]]])];
    const key = JSON.stringify([names, data.retrained.length]);
    if (key === this.keyed) return;
    this.keyed = key;
    const line = (style) => shape("svg", { viewBox: "0 0 22 8", "aria-hidden": "true" }, [shape("path", { class: style, d: "M0 4H22" })]);
    const nodes = names.map(([part, style, text, about]) => make("span", { class: "key", title: about || "" }, [line(`curve ${part} ${style}`), text]));
    if (data.retrained.length) {
      const mark = shape("svg", { viewBox: "0 0 22 8", "aria-hidden": "true" }, [shape("path", { class: "again", d: "M11 0L15 4L11 8L7 4Z" })]);
      nodes.push(make("span", { class: "key" }, [mark, words.retrained]));
    }
    this.find(".keys").replaceChildren(...nodes);
  }

  mask(threshold) {
    const { data, weights, colours } = this;
    const rows = data.mask.block.length;
    const canvas = this.find(".field canvas");
    if (canvas.width !== data.columns || canvas.height !== rows) Object.assign(canvas, { width: data.columns, height: rows });
    const context = canvas.getContext("2d");
    const image = context.createImageData(data.columns, rows);
    for (let i = 0; i < weights.length; i++) {
      const shown = weights[i] >= threshold && weights[i] > 0 ? 28 + Math.min(227, Math.round((227 * weights[i]) / data.mask.high)) : 0;
      image.data[4 * i] = colours[4 * shown];
      image.data[4 * i + 1] = colours[4 * shown + 1];
      image.data[4 * i + 2] = colours[4 * shown + 2];
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    canvas.setAttribute("aria-label", say(this.words.picture_spoken, { rows, share: share(1 - data.grid.sparsity[this.at]) }));
  }

  bars() {
    const { data, at } = this;
    const widest = Math.max(...data.grid.dims[0], 1);
    [...this.find(".dims .bars").children].forEach((span, l) => {
      span.children[1].style.width = `calc((100% - 4.8rem) * ${data.grid.dims[at][l] / widest})`;
      span.children[2].textContent = data.grid.dims[at][l].toFixed(1);
    });
  }

  point(event) {
    const tip = this.find(".field .tip");
    tip.style.visibility = event ? "visible" : "hidden";
    if (!event) return;
    const { data, words } = this;
    const box = event.target.getBoundingClientRect();
    const rows = data.mask.block.length;
    const row = Math.min(rows - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * rows)));
    const column = Math.min(data.columns - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * data.columns)));
    const weight = this.weights[row * data.columns + column];
    const kept = weight >= data.grid.threshold[this.at] && weight > 0;
    tip.textContent = say(kept ? words.cell_kept : words.cell_cut, { label: data.mask.label[row], count: whole(data.mask.count[row]), block: data.mask.block[row], dimension: column, weight: weight.toPrecision(2) });
    const left = event.clientX - box.left;
    const flip = left > box.width / 2;
    Object.assign(tip.style, { left: flip ? "auto" : `${left + 12}px`, right: flip ? `${box.width - left + 12}px` : "auto", top: `${event.clientY - box.top + 12}px` });
  }
}

export default function (component) {
  return mount(component, Cut);
}
