// A box that finds a feature while somebody types. The server holds the names and answers with the first matches; at most one
// question is under way at a time, so that fast typing never queues up.

const PATIENCE_MS = 2000;

class Finder {
  constructor(root) {
    this.root = root;
    this.find = (query) => root.querySelector(query);
    const input = (this.input = this.find("input"));
    this.list = this.find("ul");
    this.at = 0;
    input.onfocus = () => {
      input.select();
      this.open(true);
    };
    input.onblur = () => this.leave();
    input.oninput = () => {
      this.waiting = false;
      this.open(true);
      this.ask();
    };
    input.onkeydown = (event) => this.key(event);
    this.list.onpointerdown = (event) => event.preventDefault(); // keeps the box in focus
    this.list.onclick = (event) => {
      const item = event.target.closest("[role=option]");
      if (item) this.choose(this.data.found[Number(item.dataset.place)]);
    };
    this.find(".clear").onclick = () => this.choose(null);
  }

  update(data) {
    const other = !this.data || this.data.id !== data.id;
    const chosen = JSON.stringify(data.chosen);
    this.data = data;
    this.words = data.words;
    this.input.placeholder = data.words.placeholder;
    this.find(".label").textContent = data.label;
    this.input.title = data.words.about;
    this.find(".clear").setAttribute("aria-label", data.words.clear);
    this.find(".clear").title = data.words.clear;
    if (other || chosen !== this.chosen) {
      this.chosen = chosen;
      this.shown = data.chosen;
      if (!this.opened) this.rest();
    }
    clearTimeout(this.patience);
    this.asked = null;
    // while the answer was under way somebody typed on
    if (this.opened && this.typed() !== data.query) this.ask();
    else if (this.waiting) this.enter();
    this.draw();
  }

  end() {
    clearTimeout(this.patience);
  }

  typed() {
    return this.input.value === this.shown?.name ? "" : this.input.value.trim();
  }

  ask() {
    const text = this.typed();
    if (this.asked !== null || text === this.data.query) return this.draw();
    this.asked = text;
    this.component.setStateValue("query", { id: this.data.id, text });
    clearTimeout(this.patience);
    this.patience = setTimeout(() => ((this.asked = null), this.opened && this.ask()), PATIENCE_MS);
    return undefined;
  }

  // ---------------------------------------------------------------- the list
  open(yes) {
    this.opened = yes;
    this.input.setAttribute("aria-expanded", String(yes));
    this.at = 0;
    if (yes && this.typed() !== this.data.query) this.ask();
    this.draw();
  }

  leave() {
    this.waiting = false;
    this.open(false);
    this.rest();
  }

  rest() {
    this.input.value = this.shown?.name ?? "";
  }

  key(event) {
    const n = this.data.found.length;
    if (event.key === "Escape") {
      this.open(false);
      this.rest();
    } else if (event.key === "Enter") this.enter();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!this.opened) return this.open(true);
      this.at = (this.at + (event.key === "ArrowDown" ? 1 : -1) + n) % Math.max(1, n);
      this.draw();
    }
    return undefined;
  }

  // Enter before the answer is there takes its first match when it comes.
  enter() {
    if (!this.opened) return;
    this.waiting = this.typed() !== this.data.query;
    if (!this.waiting && this.data.found.length) this.choose(this.data.found[this.at]);
  }

  choose(one) {
    this.shown = one && { id: one.id, name: one.name };
    this.chosen = JSON.stringify(this.shown);
    this.open(false);
    this.rest();
    this.component.setStateValue("chosen", { id: this.data.id, feature: one ? one.id : null });
  }

  draw() {
    if (!this.data) return;
    const { data, words, list } = this;
    this.find(".clear").hidden = !(data.optional && this.shown);
    list.hidden = !this.opened;
    if (!this.opened) return;
    list.id = "matches";
    this.input.setAttribute("aria-controls", "matches");
    this.input.setAttribute("aria-activedescendant", data.found.length ? `match${this.at}` : "");
    list.dataset.query = data.query;
    const items = data.found.map((one, i) =>
      make("li", { role: "option", id: `match${i}`, "data-place": i, "aria-selected": String(i === this.at) }, [
        make("span", {}, this.marked(one.name)),
        make("small", { text: say(one.what ? words.match : words.seen, { what: one.what, count: whole(one.count) }) }),
      ]),
    );
    const more = !items.length ? say(words.nothing, { text: data.query }) : data.total > items.length ? say(words.more, { shown: items.length, found: whole(data.total) }) : "";
    list.replaceChildren(...items, ...(more ? [make("li", { class: "quiet", role: "presentation", text: more })] : []));
    this.find(".count").textContent = more || say(words.found, { found: whole(data.total) });
    const here = list.children[this.at];
    if (here && (here.offsetTop < list.scrollTop || here.offsetTop + here.offsetHeight > list.scrollTop + list.clientHeight)) list.scrollTop = here.offsetTop - list.clientHeight / 2;
  }

  // The letters that were typed stand out in the name.
  marked(name) {
    const at = this.data.query ? name.toLowerCase().indexOf(this.data.query.toLowerCase()) : -1;
    if (at < 0) return [name];
    const end = at + this.data.query.length;
    return [name.slice(0, at), make("mark", { text: name.slice(at, end) }), name.slice(end)];
  }
}

export default function (component) {
  return mount(component, Finder);
}
