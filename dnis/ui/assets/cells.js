// The map of alpha: every block and dimension a cell. A click, an arrow key or a number chooses one, and the card says what the
// threshold does there, with the numbers in the formula. Everything needed is in `data`; nothing asks the server,
// which is only told what the colours show.

const ORDERS = ["trained", "sorted", "block"];
const QUANTITIES = ["alpha", "size", "kept"];

class Cells {
  constructor(root) {
    this.root = root;
    this.find = (query) => root.querySelector(query);
    this.quantity = "alpha";
    this.sort = "trained";
    this.block = 0;
    this.dimension = 0;
    const canvas = this.find(".field canvas");
    canvas.onpointermove = (event) => this.point(this.cellAt(event));
    canvas.onpointerleave = () => this.point(null);
    canvas.onclick = (event) => this.choose(...this.cellAt(event));
    canvas.onkeydown = (event) => this.walk(event);
    this.find(".block").onchange = (event) => this.choose(Number(event.target.value), this.dimension);
    this.find(".dimension").onchange = (event) => this.choose(this.block, Number(event.target.value));
  }

  update(data) {
    // only at first: an answer of the server may be older than the visitor's last choice
    if (!this.data) this.quantity = data.quantity;
    const other = !this.data || this.data.id !== data.id;
    this.data = data;
    this.words = data.words;
    this.values = { alpha: floatsOf(data.alpha), size: floatsOf(data.size) };
    this.values.kept = Float32Array.from(data.kept, (n, i) => n / data.members[Math.floor(i / data.columns)]);
    this.examples = data.examples.map((one) => ({ ...one, e: floatsOf(one.e), product: floatsOf(one.product) }));
    this.longest = this.examples.reduce((top, one) => one.product.reduce((t, v) => Math.max(t, Math.abs(v)), top), data.threshold || 1e-9);
    this.colours = ramp(this.root);
    const main = data.shown ? data.examples[0] : null;
    if (other) this.dimension = 0;
    // another feature on show is what the visitor wants to hear about
    if (other || main?.label !== this.main) this.block = main ? main.block : 0;
    this.main = main?.label;
    this.frame();
    this.draw();
  }

  // ---------------------------------------------------------------- choosing
  choose(block, dimension) {
    const inside = (value, n) => Math.min(n - 1, Math.max(0, Math.round(value) || 0));
    this.block = inside(block, this.data.rows);
    this.dimension = inside(dimension, this.data.columns);
    this.draw();
  }

  cellAt(event) {
    const box = event.target.getBoundingClientRect();
    const { rows, columns } = this.data;
    const row = Math.min(rows - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * rows)));
    const place = Math.min(columns - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * columns)));
    return [row, this.ordered[place]];
  }

  walk(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    const place = Math.min(this.data.columns - 1, Math.max(0, this.ordered.indexOf(this.dimension) + step[1]));
    this.choose(this.block + step[0], this.ordered[place]);
  }

  // Dimensions from left to right.
  sorted() {
    const { rows, columns } = this.data;
    const values = this.values[this.quantity];
    const places = Array.from({ length: columns }, (_, k) => k);
    if (this.sort === "trained") return places;
    const weight = (k) => {
      if (this.sort === "block") return values[this.block * columns + k];
      let sum = 0;
      for (let l = 0; l < rows; l++) sum += values[l * columns + k];
      return sum;
    };
    const weights = places.map(weight);
    return places.sort((a, b) => weights[b] - weights[a] || a - b);
  }

  // ---------------------------------------------------------------- what stands still
  frame() {
    const { data, words } = this;
    const key = JSON.stringify([data.id, data.rows, data.columns, words]);
    if (key === this.framed) return;
    this.framed = key;
    this.pills(".quantity", words.quantity, QUANTITIES, words.quantities, "quantity");
    this.pills(".order", words.order, ORDERS, words.orders, "sort");
    this.height = Math.max(9, Math.min(30, Math.round(320 / data.rows)));
    const every = Math.ceil(16 / this.height);
    this.find(".rows").style.gridAutoRows = `${this.height}px`;
    this.find(".field").style.height = `${this.height * data.rows + 2}px`;
    this.find(".corner").textContent = words.corner;
    this.find(".rows").replaceChildren(
      ...data.blocks.map((about, l) => {
        const note = l === 0 ? words.popular : l === data.rows - 1 ? words.rare : "";
        return make("span", { title: about }, l % every ? [] : [make("small", { text: note }), String(l)]);
      }),
    );
    const [block, dimension] = [this.find(".block"), this.find(".dimension")];
    block.max = data.rows - 1;
    dimension.max = data.columns - 1;
    block.previousElementSibling.textContent = words.block;
    dimension.previousElementSibling.textContent = words.dimension;
  }

  pills(query, title, names, texts, field) {
    const inputs = names.map((name) => {
      const input = make("input", { type: "radio", name: field, value: name, onchange: () => this.turn(field, name) });
      input.checked = name === this[field];
      return make("label", {}, [input, texts[name]]);
    });
    this.find(query).replaceChildren(make("legend", { text: title }), ...inputs);
  }

  turn(field, name) {
    this[field] = name;
    this.draw();
    // for the address of the page
    if (field === "quantity") this.component.setStateValue(field, name);
  }

  // ---------------------------------------------------------------- one choice
  draw() {
    if (!this.data) return;
    const { data, words } = this;
    this.ordered = this.sorted();
    this.paint();
    const place = this.ordered.indexOf(this.dimension);
    Object.assign(this.find(".cell").style, {
      left: `calc(${(100 * place) / data.columns}% - 1px)`, width: `calc(${100 / data.columns}% + 2px)`,
      top: `${this.block * this.height - 1}px`, height: `${this.height + 2}px`,
    });
    [...this.find(".rows").children].forEach((row, l) => row.classList.toggle("here", l === this.block));
    const wide = Math.max(1, Math.ceil(26 / ((this.find(".field").clientWidth || 640) / data.columns)));
    const marks = this.sort === "trained" ? ticks(0, data.columns - 1, 6).filter(Number.isInteger) : this.ordered.map((_, i) => i).filter((i) => i % wide === 0);
    this.find(".columns").replaceChildren(
      ...marks.map((i) => make("span", { text: String(this.ordered[i]), style: `left:${(100 * (i + 0.5)) / data.columns}%` })),
    );
    this.find(".block").value = this.block;
    this.find(".dimension").value = this.dimension;
    this.find(".told").replaceChildren(...this.tell());
    this.find(".field canvas").setAttribute("aria-label", say(words.spoken, { quantity: words.quantities[this.quantity], rows: data.rows, columns: data.columns }));
  }

  paint() {
    const { data, words, colours, ordered } = this;
    const values = this.values[this.quantity];
    const top = this.quantity === "size" ? values.reduce((a, b) => Math.max(a, b), 1e-9) : 1;
    const canvas = this.find(".field canvas");
    if (canvas.width !== data.columns || canvas.height !== data.rows) Object.assign(canvas, { width: data.columns, height: data.rows });
    const context = canvas.getContext("2d");
    const image = context.createImageData(data.columns, data.rows);
    for (let l = 0; l < data.rows; l++)
      for (let i = 0; i < data.columns; i++) {
        const shown = Math.round(255 * Math.min(1, Math.max(0, values[l * data.columns + ordered[i]] / top)));
        image.data.set(colours.subarray(4 * shown, 4 * shown + 4), 4 * (l * data.columns + i));
      }
    context.putImageData(image, 0, 0);
    const bar = make("canvas", { width: 128, height: 1, "aria-hidden": "true" });
    const strip = new ImageData(128, 1);
    for (let i = 0; i < 128; i++) strip.data.set(colours.subarray(8 * i, 8 * i + 4), 4 * i);
    bar.getContext("2d").putImageData(strip, 0, 0);
    this.find(".legend").replaceChildren(make("span", { text: words.quantities[this.quantity] }), make("span", { text: "0" }), bar, make("span", { text: this.amount(top) }));
  }

  amount(value) {
    return this.quantity === "kept" ? `${Math.round(100 * value)} %` : this.quantity === "alpha" && value === 1 ? "1" : value.toFixed(3);
  }

  // ---------------------------------------------------------------- the card
  tell() {
    const { data, words, block, dimension } = this;
    const at = block * data.columns + dimension;
    const own = this.examples.filter((one) => one.block === block);
    // the features on show come first in the list; any other one merely stands for its block
    const stands = this.examples.findIndex((one) => one.block === block) >= data.shown;
    const kept = data.kept[at];
    return [
      make("p", { class: "quiet", text: data.blocks[block] }),
      ...(stands ? [make("p", { class: "quiet", text: words.example })] : []),
      ...own.flatMap((one) => this.sum(one, this.values.alpha[at])),
      make("p", { class: "quiet", text: say(words.cell_share, { kept: whole(kept), features: whole(data.members[block]), block, dimension, share: share(kept / data.members[block]) }) }),
    ];
  }

  sum(one, alpha) {
    const { data, words, dimension } = this;
    const product = one.product[dimension];
    const size = Math.abs(product);
    const stays = one.kept[dimension] === 1;
    const number = (value, digits) => (value < 0 ? "−" : "") + Math.abs(value).toFixed(digits);
    const full = (value) => make("span", { style: `width:${(100 * value) / this.longest}%` });
    // what is equal on screen must not be called smaller: as many digits as tell the two apart
    const digits = Math.min(8, Math.max(4, Math.ceil(-Math.log10(Math.abs(size - data.threshold) || 1))));
    return [
      make("p", {}, [make("strong", { text: one.label })]),
      make("div", { class: `sum ${stays ? "stays" : ""}` }, [
        make("div", {}, [make("i", { text: "α" }), " · ", make("i", { text: "e" }), ` = ${number(alpha, 3)} × ${one.e[dimension] < 0 ? `(${number(one.e[dimension], 4)})` : number(one.e[dimension], 4)} = ${number(product, 4)}`]),
        make("div", {}, ["|", make("i", { text: "α" }), " · ", make("i", { text: "e" }), `| = ${number(size, digits)} ${size < data.threshold ? "<" : "≥"} ${number(data.threshold, digits)}`]),
        make("div", {}, [make("b", { text: stays ? words.kept : size > 0 ? words.cut : words.off })]),
        make("span", { class: "ruler", title: words.ruler }, [full(size), make("em", { style: `left:${(100 * data.threshold) / this.longest}%` })]),
      ]),
    ];
  }

  point(cell) {
    const tip = this.find(".field .tip");
    tip.style.visibility = cell ? "visible" : "hidden";
    if (!cell) return;
    const { data, words } = this;
    const [block, dimension] = cell;
    const value = this.values[this.quantity][block * data.columns + dimension];
    tip.textContent = say(words.cell, { block, dimension, quantity: words.quantities[this.quantity], value: this.amount(value) });
    const box = this.find(".field").getBoundingClientRect();
    const left = ((this.ordered.indexOf(dimension) + 1) / data.columns) * box.width;
    const flip = left > box.width / 2;
    Object.assign(tip.style, { left: flip ? "auto" : `${left + 6}px`, right: flip ? `${box.width - left + 24}px` : "auto", top: `${block * this.height}px` });
  }
}

export default function (component) {
  return mount(component, Cells);
}
