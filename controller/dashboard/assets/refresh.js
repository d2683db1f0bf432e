// A page that changed is asked for again and the difference taken over. So there is one way to draw it, the server's,
// and no second one here that could say something else.
import { morph } from "./morph.js";

const soon = 600; // milliseconds between two requests
const rarely = 5000; // the same while nobody looks; the tab's title still tells

// refresher returns a function that brings the live part of the page up to date, soon. after is told of the new document.
export function refresher(after = () => {}) {
  let running = false;
  let again = false;
  let timer = 0;
  let last = -rarely;

  const run = async () => {
    timer = 0;
    running = true;
    again = false;
    last = performance.now();
    try {
      const url = new URL(location.href);
      url.searchParams.set("live", "1");
      url.hash = "";
      const res = await fetch(url, { headers: { Accept: "text/html" }, redirect: "manual" });
      if (res.ok) take(new DOMParser().parseFromString(await res.text(), "text/html"), after);
    } catch {
      // The stream tells that the connection is lost, and asks again when it is back.
    } finally {
      running = false;
      if (again) request();
    }
  };
  const request = () => {
    if (running) again = true;
    if (running || timer) return;
    timer = setTimeout(run, Math.max(0, last + (document.hidden ? rarely : soon) - performance.now()));
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !timer) return;
    clearTimeout(timer);
    timer = 0;
    request();
  });
  return request;
}

function take(doc, after) {
  const now = document.getElementById("live");
  const next = doc.getElementById("live");
  if (!now || !next) return;
  const focused = document.activeElement;
  morph(now, next);
  if (focused && focused !== document.body && !focused.isConnected) document.getElementById("name")?.focus({ preventScroll: true });
  if (document.title !== doc.title) document.title = doc.title;
  const icon = document.querySelector("link[rel=icon]");
  const href = doc.querySelector("link[rel=icon]").getAttribute("href");
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
  after(doc);
}
