// A search as a film: alpha by block and dimension, the losses, and what happened, all at one moment that the visitor chooses.
// Everything needed is in `data`; moving through time never asks the server.

const FRAME_MS = 120;
const CLOCK_MS = 900;

class Player {
  constructor(root) {
    this.root = root;
    this.find = (query) => root.querySelector(query);
    this.at = 0;
    this.following = true;
    this.picture = document.createElement("canvas");
    this.find(".when").oninput = (event) => this.go(Number(event.target.value));
    this.find(".replay").onclick = () => (this.timer ? this.pause() : this.play());
    this.find(".now").onclick = () => this.follow();
    const canvas = this.find(".field canvas");
    canvas.onpointermove = (event) => this.point(this.cellAt(event));
    canvas.onpointerleave = () => this.point(null);
    canvas.onblur = () => this.point(null);
    canvas.onkeydown = (event) => this.walk(event);
    this.find(".losses > svg").onpointerdown = (event) => this.jump(event);
  }

  update(data) {
    const other = !this.data || this.data.id !== data.id;
    const moving = !other && (data.live || this.data.live) && !stillWanted();
    this.data = data;
    this.words = data.words;
    this.last = data.epochs.length - 1;
    this.alpha = bytesOf(data.alpha);
    this.colours = ramp(this.root);
    this.root.classList.toggle("compact", data.compact);
    this.frame();
    if (other) {
      this.pause();
      this.following = true;
      if (data.autoplay && !stillWanted() && this.last > 0) return this.play();
    }
    if (this.following && moving && this.at < this.last) this.chase();
    else if (this.following || this.at > this.last) this.at = Math.max(0, this.last);
    this.draw();
    return undefined;
  }

  end() {
    this.pause();
  }

  // News comes once a second: walk through what is new instead of jumping.
  chase() {
    clearInterval(this.chaser);
    this.chaser = setInterval(() => {
      if (this.at >= this.last) clearInterval(this.chaser);
      else this.at += 1;
      this.draw();
    }, CLOCK_MS / (this.last - this.at));
  }

  // ---------------------------------------------------------------- time
  go(index) {
    this.pause();
    this.at = Math.min(Math.max(0, index), Math.max(0, this.last));
    this.following = this.at === this.last;
    this.draw();
  }

  follow() {
    this.following = true;
    this.go(this.last);
  }

  play() {
    if (this.last < 1) return;
    this.at = this.at >= this.last ? 0 : this.at;
    this.following = false;
    this.timer = setInterval(() => {
      if (this.at >= this.last) {
        this.pause();
        this.following = true;
      } else this.at += 1;
      this.draw();
    }, Math.max(40, Math.min(FRAME_MS, 9000 / (this.last + 1))));
    this.draw();
  }

  pause() {
    clearInterval(this.timer);
    clearInterval(this.chaser);
    this.timer = null;
  }

  jump(event) {
    if (!this.time || this.last < 0) return;
    const box = this.find(".losses > svg").getBoundingClientRect();
    const epoch = this.time.value(event.clientX - box.left);
    let best = 0;
    this.data.epochs.forEach((e, i) => {
      if (Math.abs(e - epoch) < Math.abs(this.data.epochs[best] - epoch)) best = i;
    });
    this.go(best);
  }

  // ---------------------------------------------------------------- what stands still while time moves
  frame() {
    const { data, words } = this;
    const shape = JSON.stringify([data.blocks, data.columns, words]);
    if (shape === this.framed) return;
    this.framed = shape;
    const height = Math.max(9, Math.min(30, Math.round(320 / data.blocks.length)));
    const every = Math.ceil(16 / height);
    for (const name of [".rows", ".bars"]) this.find(name).style.gridAutoRows = `${height}px`;
    this.find(".field").style.height = `${height * data.blocks.length + 2}px`;
    this.find(".corner").textContent = words.rows;
    fill(this.find(".corner-right"), { text: words.dims, title: words.dims_help }, []);
    this.find(".rows").replaceChildren(
      ...data.blocks.map((block, i) => {
        const note = i === 0 ? words.popular : i === data.blocks.length - 1 ? words.rare : "";
        return make("span", { title: block.about }, i % every ? [] : [make("small", { text: note }), block.name]);
      }),
    );
    this.find(".bars").replaceChildren(...data.blocks.map((_, i) => make("span", {}, [make("i"), make("b", { text: i % every ? "" : "–" })])));
    const step = Math.max(1, ticks(0, data.columns, 6)[1] || 1);
    this.find(".columns").replaceChildren(
      ...ticks(0, data.columns - 1, 6).map((k) => make("span", { text: whole(k), style: `left:${(100 * (k + 0.5)) / data.columns}%`, "data-step": step })),
      make("span", { class: "hidden", text: words.columns }),
    );
    this.find(".when-label").textContent = words.timeline;
    this.find(".now").textContent = words.now;
    this.find(".losses h2").textContent = words.losses;
    this.find(".happened h2").textContent = words.happened;
    const bar = make("canvas", { width: 128, height: 1, "aria-hidden": "true" });
    this.find(".legend").replaceChildren(make("span", { text: words.zero }), bar, make("span", { text: words.one }), make("span", { text: words.across }));
  }

  // ---------------------------------------------------------------- one moment
  draw() {
    if (!this.data) return;
    const { data, words, at, last } = this;
    const range = this.find(".when");
    range.max = Math.max(0, last);
    range.value = at;
    range.disabled = last < 1;
    const moment = last < 0 ? words.waiting : say(words.moment, { epoch: data.epochs[at], epochs: data.total || data.epochs[last], phase: words[data.phases[at]] || "", travel: data.travel[at].toFixed(3), seconds: (data.seconds[at] ?? 0).toFixed(1) });
    this.find(".moment").textContent = moment;
    range.setAttribute("aria-valuetext", moment);
    fill(this.find(".replay"), { text: this.timer ? words.pause : words.replay }, []);
    this.find(".replay").disabled = last < 1;
    this.find(".now").hidden = !data.live || this.following;
    this.paint();
    this.gone();
    this.bars();
    if (!data.compact) {
      drawLosses(this);
      this.events();
    }
  }

  paint() {
    const { data, at, colours } = this;
    const rows = data.blocks.length;
    const canvas = this.find(".field canvas");
    if (canvas.width !== data.columns || canvas.height !== rows) Object.assign(canvas, { width: data.columns, height: rows });
    const context = canvas.getContext("2d");
    const image = context.createImageData(data.columns, rows);
    const from = data.frames.length ? data.frames[at] * rows * data.columns : 0;
    for (let i = 0; i < rows * data.columns; i++) {
      const value = data.frames.length ? this.alpha[from + i] : 0;
      image.data.set(colours.subarray(4 * value, 4 * value + 4), 4 * i);
    }
    context.putImageData(image, 0, 0);
    canvas.setAttribute("aria-label", this.spoken());
    const bar = this.find(".legend canvas").getContext("2d");
    const strip = bar.createImageData(128, 1);
    for (let i = 0; i < 128; i++) strip.data.set(colours.subarray(8 * i, 8 * i + 4), 4 * i);
    bar.putImageData(strip, 0, 0);
    if (this.cell) this.point(this.cell);
  }

  spoken() {
    const { data, words, at } = this;
    if (this.last < 0) return words.waiting;
    const means = data.blocks.map((block, l) => {
      let sum = 0;
      for (let k = 0; k < data.columns; k++) sum += this.value(l, k);
      return `${block.name}: ${(sum / data.columns).toFixed(2)}`;
    });
    return say(words.spoken, { epoch: data.epochs[at], means: means.slice(0, 20).join(", ") });
  }

  value(row, column) {
    const { data, at } = this;
    return this.alpha[(data.frames[at] * data.blocks.length + row) * data.columns + column] / 255;
  }

  // A block that has lost every dimension says so at its row, and since when.
  gone() {
    const { data, words, at } = this;
    const name = (l) => this.find(".rows").children[l];
    data.blocks.forEach((block, l) => {
      let first = this.last < 0 ? -1 : at;
      while (first >= 0 && this.empty(first, l)) first -= 1;
      const since = first < at && first >= 0 ? data.epochs[first + 1] : null;
      name(l).classList.toggle("gone", since !== null);
      name(l).title = block.about.trim() + (since === null ? "" : ` ${say(words.gone, { epoch: since })}`);
    });
  }

  empty(index, row) {
    const { data } = this;
    const from = (data.frames[index] * data.blocks.length + row) * data.columns;
    for (let k = 0; k < data.columns; k++) if (this.alpha[from + k] > 0) return false;
    return true;
  }

  bars() {
    const { data, at } = this;
    const dims = this.last < 0 ? null : data.dims[at];
    [...this.find(".bars").children].forEach((span, l) => {
      const value = dims ? dims[l] : 0;
      span.firstChild.style.width = `calc((100% - 2.6rem) * ${value / data.width})`;
      if (span.lastChild.textContent !== "") span.lastChild.textContent = dims ? value.toFixed(1) : "–";
    });
  }

  events() {
    const { data, words, at, last } = this;
    const list = this.find(".happened ol");
    const now = last >= 0 ? data.epochs[at] : 0;
    const key = JSON.stringify([data.notes.length, now, data.id]);
    if (key === this.listed) return;
    this.listed = key;
    const items = data.notes.map(([epoch, text]) =>
      make("li", { class: epoch > now ? "later" : epoch === now ? "just" : "" }, [
        make("button", { type: "button", onclick: () => this.go(Math.max(0, data.epochs.indexOf(epoch))) }, [make("span", { class: "e", text: say(words.at_epoch, { epoch }) }), make("span", { text })]),
      ]),
    );
    list.replaceChildren(...(items.length ? items : [make("li", { class: "quiet", text: words.nothing_yet })]));
    const past = list.querySelectorAll("li:not(.later)");
    if (past.length && this.following) list.scrollTop = past[past.length - 1].offsetTop - list.offsetTop - list.clientHeight / 2;
  }

  // ---------------------------------------------------------------- one cell
  cellAt(event) {
    const box = event.target.getBoundingClientRect();
    const { data } = this;
    return {
      row: Math.min(data.blocks.length - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * data.blocks.length))),
      column: Math.min(data.columns - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * data.columns))),
    };
  }

  walk(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    const { row, column } = this.cell || { row: 0, column: -step[1] };
    const { data } = this;
    this.point({ row: Math.min(data.blocks.length - 1, Math.max(0, row + step[0])), column: Math.min(data.columns - 1, Math.max(0, column + step[1])) });
  }

  point(cell) {
    this.cell = this.last >= 0 ? cell : null;
    const tip = this.find(".field .tip");
    const frame = this.find(".field .cell");
    tip.style.visibility = frame.style.visibility = this.cell ? "visible" : "hidden";
    if (!this.cell) return;
    const { data, words } = this;
    const box = this.find(".field canvas").getBoundingClientRect();
    const size = { x: box.width / data.columns, y: box.height / data.blocks.length };
    Object.assign(frame.style, { left: `${cell.column * size.x - 1}px`, top: `${cell.row * size.y - 1}px`, width: `${size.x + 2}px`, height: `${size.y + 2}px` });
    tip.textContent = say(words.cell, { block: data.blocks[cell.row].name, about: data.blocks[cell.row].about, dimension: cell.column, alpha: this.value(cell.row, cell.column).toFixed(2) });
    const left = cell.column * size.x;
    const flip = left > box.width / 2;
    Object.assign(tip.style, { left: flip ? "auto" : `${left + size.x + 6}px`, right: flip ? `${box.width - left + 6}px` : "auto", top: `${Math.max(0, cell.row * size.y - 4)}px` });
  }
}

export default function (component) {
  return mount(component, Player);
}
