// Results as recorded, fetched when they are asked for.
import { make } from "./dom.js";

export function startRaw() {
  for (const details of document.querySelectorAll("details.raw-json")) {
    details.addEventListener("toggle", async () => {
      if (!details.open || details.dataset.read) return;
      details.dataset.read = "yes";
      const pre = make("pre", { class: "raw", tabindex: "0" }, "reading…");
      details.append(pre);
      try {
        const res = await fetch(details.dataset.src);
        pre.textContent = res.ok ? await res.text() : "It could not be read.";
      } catch {
        pre.textContent = "The dashboard can't be reached.";
        delete details.dataset.read;
      }
    });
  }
}
