// The last events, newest first. Many may come at once: they are drawn once a frame, and only the last ones stay.
import { bdi, make } from "./dom.js";
import { get } from "./api.js";

const most = 200;

export class Tail {
  constructor(list) {
    this.list = list;
    this.last = Number(list?.firstElementChild?.dataset.seq ?? 0);
    this.fresh = [];
    this.older = new URLSearchParams(location.search).has("before"); // a page of the past stays as it is
  }

  add(event) {
    if (!this.list || this.older || event.seq <= this.last) return;
    this.last = event.seq;
    this.fresh.push(event);
    if (this.fresh.length > most) this.fresh.shift();
    if (this.fresh.length === 1) setTimeout(() => this.draw(), 100);
  }

  // reload fills the gap that a lost connection left.
  async reload(api) {
    if (!this.list || this.older) return;
    try {
      const answer = await get(api + "/events", { after: this.last, limit: most });
      for (const e of answer.events) this.add(e);
    } catch {
      // The next loss of the connection is told; the gap shows in the numbers.
    }
  }

  draw() {
    const box = this.list.parentElement;
    const top = box.scrollTop;
    const height = box.scrollHeight;
    const rows = this.fresh.reverse().map(row);
    this.fresh = [];
    this.list.prepend(...rows);
    while (this.list.children.length > most) this.list.lastElementChild.remove();
    if (top > 4) box.scrollTop = top + Math.max(0, box.scrollHeight - height); // who reads further down stays there
  }
}

function row(e) {
  const time = new Date(e.time);
  const said = make("span", { class: "said" });
  if (e.step) said.append(bdi(e.step));
  if (e.item) said.append(" · ", bdi(e.item));
  if (e.text) said.append(e.step ? ": " : "", bdi(e.text));
  return make("li", { class: e.bad ? "bad" : undefined, "data-seq": e.seq },
    make("span", { class: "seq" }, String(e.seq)),
    make("time", { class: "at", datetime: e.time, title: time.toLocaleString() }, time.toLocaleTimeString("en-GB")),
    make("span", { class: "type" }, e.type),
    said);
}
