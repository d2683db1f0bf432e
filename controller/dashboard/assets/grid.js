// The items of a step as a grid that stays usable with a hundred thousand of them: one canvas draws the rows in sight,
// one element stands for the item in focus, and keys, texts and results are read when they are looked at.
import { announce, bdi, count, make, visible, word } from "./dom.js";
import { get } from "./api.js";
import { Cells } from "./cells.js";
import { Card } from "./card.js";

const letters = { p: "pending", r: "running", c: "completed", f: "failed" };
const codes = { pending: 0, running: 1, completed: 2, failed: 3 };
export const names = ["pending", "running", "completed", "failed"];
const filters = [["", "All"], ["running", "Running"], ["failed", "Failed"], ["pending", "Pending"], ["completed", "Completed"]];
const chunk = 100; // items read at once

export class Grid {
  constructor(root, context) {
    this.root = root;
    this.context = context;
    this.step = "";
    this.build();
    this.take();
  }

  build() {
    this.tabs = new Map(filters.map(([status, text]) => {
      const n = make("span", { class: "soft" });
      const button = make("button", { type: "button", "aria-pressed": status === "" ? "true" : "false", onclick: () => this.filter(status) }, text + " ", n);
      return [status, { button, n }];
    }));
    this.option = make("div", { role: "option", id: "cell-in-focus", class: "hidden-text", "aria-selected": "true" });
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.tall = make("div", { class: "tall" }, this.canvas);
    this.window = make("div", { class: "window", tabindex: "0", role: "listbox", "aria-describedby": "cells-help" }, this.option, this.tall);
    this.under = make("p", { class: "under" });
    const help = make("p", { id: "cells-help", class: "hidden-text" }, "Arrow keys move, n and p go to the next and previous failed item, Enter opens the output.");
    this.root.replaceChildren(
      make("ul", { class: "tabs", "aria-label": "Filter items" }, ...[...this.tabs.values()].map((t) => make("li", {}, t.button))),
      this.window, this.under, help);
    this.card = new Card(this.root, this.context);
    this.cells = new Cells(this.canvas, this.window, this.tall);
    this.window.addEventListener("keydown", (e) => this.key(e));
    this.window.addEventListener("focus", () => this.total() && this.at < 0 && this.go(0));
    this.canvas.addEventListener("click", (e) => this.pick(e));
    this.canvas.addEventListener("pointermove", (e) => this.hover(this.cells.hit(e)));
    this.canvas.addEventListener("pointerleave", () => this.hover(-1));
  }

  // take notes which step the page shows, and reads its items when it is another one.
  take() {
    if (this.root.dataset.step === this.step) {
      this.card.refresh();
      return;
    }
    this.step = this.root.dataset.step;
    this.status = new Uint8Array(0);
    this.seq = 0;
    this.keys = new Map();
    this.shown = "";
    this.order = null;
    this.at = -1;
    this.over = -1;
    this.window.setAttribute("aria-label", "Items of " + this.step);
    this.card.clear();
    this.reload();
  }

  // reload reads all statuses. While one request is under way another is remembered.
  async reload() {
    if (this.reading) {
      this.stale = true;
      return;
    }
    this.reading = true;
    const step = this.step;
    try {
      const g = await get(this.context.api + "/grid", { step });
      if (step === this.step) this.set(g);
    } catch (error) {
      this.under.textContent = "The items could not be read: " + error.message;
    } finally {
      this.reading = false;
      if (this.stale || step !== this.step) {
        this.stale = false;
        setTimeout(() => this.reload(), 500);
      }
    }
  }

  set(g) {
    const status = new Uint8Array(g.cells.length);
    for (let i = 0; i < status.length; i++) status[i] = codes[letters[g.cells[i]]];
    if (status.length !== this.status.length) this.keys.clear();
    this.status = status;
    this.seq = g.seq;
    this.sort();
  }

  // change takes over what the stream tells.
  change(c) {
    if (c.step !== this.step) return;
    if (c.stale) return this.reload();
    if (c.seq <= this.seq) return;
    this.seq = c.seq;
    for (const item of c.items) {
      if (item.i >= this.status.length) return this.reload();
      this.status[item.i] = codes[item.status];
      const list = this.keys.get(Math.floor(item.i / chunk));
      if (list) list[item.i % chunk] = item;
      if (item.i === this.item()) this.card.show(item, this.step);
    }
    if (!this.sorting) {
      this.sorting = true;
      requestAnimationFrame(() => {
        this.sorting = false;
        this.sort();
      });
    }
  }

  // sort counts, chooses what the filter lets through, and draws.
  sort() {
    const counts = [0, 0, 0, 0];
    for (const s of this.status) counts[s]++;
    for (const [status, tab] of this.tabs) tab.n.textContent = count(status === "" ? this.status.length : counts[codes[status]]);
    const focused = this.item();
    this.order = null;
    if (this.shown) {
      const code = codes[this.shown];
      this.order = new Uint32Array(counts[code]);
      let n = 0;
      for (let i = 0; i < this.status.length; i++) if (this.status[i] === code) this.order[n++] = i;
    }
    this.at = focused < 0 ? -1 : this.order ? this.order.indexOf(focused) : focused;
    this.draw();
  }

  total() { return this.order ? this.order.length : this.status.length; }

  // item is the position in the list of the item in focus; -1: none.
  item(at = this.at) {
    if (at < 0 || at >= this.total()) return -1;
    return this.order ? this.order[at] : at;
  }

  draw() {
    this.cells.set(this.total(), (at) => this.status[this.item(at)], this.at, this.over);
    if (this.over < 0) this.say();
  }

  say() {
    const n = this.total();
    if (!this.status.length) this.under.textContent = "This step learns its items when it begins.";
    else if (!n) this.under.textContent = "No item is " + this.shown + ".";
    else if (this.over < 0) this.under.textContent = this.at < 0 ? "Point at an item, or use the arrow keys." : "Enter opens the output; n and p go to the next and previous failed item.";
  }

  filter(status) {
    this.shown = status;
    for (const [name, tab] of this.tabs) tab.button.setAttribute("aria-pressed", name === status ? "true" : "false");
    this.window.scrollTop = 0;
    this.sort();
    announce(count(this.total()) + " items shown");
  }

  key(e) {
    if (e.altKey || e.ctrlKey || e.metaKey || !this.total()) return;
    const row = this.cells.columns;
    const page = row * Math.max(1, this.cells.rows - 1);
    const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row, PageDown: page, PageUp: -page };
    if (e.key in moves) this.go(Math.min(this.total() - 1, Math.max(0, Math.max(0, this.at) + moves[e.key])));
    else if (e.key === "Home") this.go(0);
    else if (e.key === "End") this.go(this.total() - 1);
    else if (e.key === "n") this.seek(1);
    else if (e.key === "p") this.seek(-1);
    else if (e.key === "Enter") this.card.open();
    else return;
    e.preventDefault();
  }

  // seek goes to the next failed item.
  seek(by) {
    for (let at = this.at + by; at >= 0 && at < this.total(); at += by) {
      if (this.status[this.item(at)] === codes.failed) return this.go(at);
    }
    announce("No failed item " + (by > 0 ? "after" : "before") + " this one");
  }

  pick(e) {
    const at = this.cells.hit(e);
    if (at >= 0) this.go(at);
  }

  async go(at) {
    this.at = at;
    pin(this.step);
    this.cells.reveal(at);
    this.draw();
    const i = this.item();
    const label = (key) => key + ", " + word(names[this.status[i]]) + ", " + count(i + 1) + " of " + count(this.status.length);
    this.option.setAttribute("aria-setsize", this.total());
    this.option.setAttribute("aria-posinset", at + 1);
    const known = await this.read(i);
    if (this.item() !== i || !known) return;
    this.option.id = "cell-in-focus-" + (i % 2); // a new id makes screen readers tell it
    this.option.replaceChildren(visible(label(known.key)));
    this.window.setAttribute("aria-activedescendant", this.option.id);
    this.card.show({ ...known, status: names[this.status[i]] }, this.step);
  }

  async hover(at) {
    if (at === this.over) return;
    this.over = at;
    this.draw();
    const i = this.item(at);
    if (i < 0) return this.say();
    const known = await this.read(i);
    if (this.over !== at || !known) return;
    this.under.replaceChildren(make("span", {}, "#" + count(i + 1)), bdi(known.key), make("span", {}, word(names[this.status[i]])));
  }

  // read gives what is known of an item; its neighbours come along.
  async read(i) {
    const n = Math.floor(i / chunk);
    let list = this.keys.get(n);
    if (!list) {
      const step = this.step;
      list = get(this.context.api + "/items", { step, from: n * chunk, limit: chunk }).then((a) => a.items);
      if (this.keys.size > 100) this.keys.clear();
      this.keys.set(n, list);
      try {
        list = await list;
        if (step === this.step) this.keys.set(n, list);
      } catch {
        this.keys.delete(n);
        return null;
      }
    }
    try {
      return (await list)[i % chunk];
    } catch {
      return null;
    }
  }
}

// pin keeps the step that a reader looks into, when the run goes on to the next one.
function pin(step) {
  const url = new URL(location.href);
  if (url.searchParams.get("step") === step) return;
  url.searchParams.set("step", step);
  history.replaceState(null, "", url);
}
