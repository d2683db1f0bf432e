// What is known of the item in focus: its key, status and cost, the beginning of its output or its last error.
import { bdi, make, money, visible, word } from "./dom.js";
import { get } from "./api.js";

const preview = 700; // characters

export class Card {
  constructor(parent, context) {
    this.context = context;
    this.el = make("div", { class: "item-card", role: "group", "aria-label": "Item in focus" });
    parent.append(this.el);
    this.clear();
  }

  clear() {
    this.abort?.abort();
    this.item = null;
    this.el.replaceChildren(make("p", { class: "empty" }, "The item in focus is shown here, with the beginning of its output."));
  }

  // show draws an item. Its output is read a moment later: who runs through the grid does not ask for each.
  show(item, step) {
    const same = this.item && this.item.i === item.i && this.step === step;
    if (same && this.item.status === item.status && this.item.edited === item.edited && this.item.cost_micro_usd === item.cost_micro_usd) return;
    this.item = item;
    this.step = step;
    this.abort?.abort();
    this.abort = new AbortController();
    this.said = make("div", { class: "preview small" });
    this.buttons = make("div", { class: "actions" });
    const cost = item.cost_micro_usd ? money(item.cost_micro_usd) + (item.waste_micro_usd ? ", " + money(item.waste_micro_usd) + " of it wasted" : "") : "";
    this.el.replaceChildren(
      make("div", { class: "line" },
        make("h3", {}, bdi(item.key)),
        make("span", { class: "status", "data-status": item.status }, word(item.status)),
        make("span", { class: "soft small" }, "#" + (item.i + 1) + (item.edited ? ", edited" : "") + (cost ? ", " + cost : ""))),
      this.said, this.buttons);
    this.refresh();
    const { signal } = this.abort;
    if (item.status === "completed") setTimeout(() => this.read(item, signal), 120);
    else this.said.append(this.fault() ?? (item.status === "running" ? "Being worked on now." : item.status === "failed" ? "Its error is told in the events." : "Its turn has not come yet."));
  }

  // refresh draws the buttons: what can be done changes with the run.
  refresh() {
    if (!this.item) return;
    const can = this.context.state.view?.actions ?? [];
    const open = make("a", { class: "button", href: this.href() }, "Open the output");
    const list = [this.item.status === "completed" ? open : null];
    if (this.item.status === "failed" && can.includes("retry")) {
      list.push(make("button", { type: "button", "data-action": "retry", "data-step": this.step, "data-item": this.item.key }, "Retry this item"));
    }
    if (this.item.status === "completed" && can.includes("edit")) list.push(make("a", { class: "button", href: this.href() + "&edit=1" }, "Edit"));
    const now = list.filter((b) => b).map((b) => b.outerHTML).join();
    if (this.drawn === now && this.buttons.childElementCount) return;
    this.drawn = now;
    this.buttons.replaceChildren(...list.filter((b) => b));
  }

  href() {
    const outputs = document.getElementById("cells").dataset.outputs;
    return outputs + "?" + new URLSearchParams({ item: this.item.key });
  }

  open() {
    if (this.item?.status === "completed" || this.item?.status === "failed") location.href = this.href();
  }

  // fault is the last error of the item, if the run still tells it.
  fault() {
    const e = this.context.state.view?.errors?.find((e) => e.step === this.step && e.item === this.item.key);
    if (!e) return null;
    return make("p", {}, make("strong", { class: "problem" }, e.class), ": ", bdi(e.message));
  }

  async read(item, signal) {
    if (signal.aborted) return;
    try {
      const r = await get(this.context.api + "/result", { step: this.step, item: item.key }, signal);
      const text = r.text.length > preview ? r.text.slice(0, preview) + " …" : r.text;
      const box = make("div", { class: "prose" });
      for (const part of text.split(/\n\s*\n/)) box.append(make("p", { dir: "auto" }, visible(part)));
      this.said.replaceChildren(box);
    } catch (error) {
      if (!signal.aborted) this.said.textContent = error.status === 404 ? "There is no result yet." : "The output could not be read: " + error.message;
    }
  }
}
