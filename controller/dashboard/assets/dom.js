// Small helpers. Texts only ever become text: nothing here writes HTML.

// make creates an element with attributes and children. A key that is a property starts with a dot, a listener with "on".
export function make(tag, attributes = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name.startsWith(".")) el[name.slice(1)] = value;
    else el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
  return el;
}

// Control characters, and marks that turn the reading direction, but newline and tab.
const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

// visible writes out what could hide or turn a text.
export function visible(text) {
  return String(text).replace(unprintable, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

// bdi is text from outside, kept from turning what stands around it.
export function bdi(text) {
  return make("bdi", {}, visible(text));
}

export const count = (n) => Math.round(n).toLocaleString("en-US");

export function money(micro) {
  if (micro === 0) return "$0.00";
  const digits = micro < 1000 ? 6 : micro < 1e6 ? 4 : 2;
  return "$" + (micro / 1e6).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const words = { waiting: "Waiting for a person", tolerated: "Failed, tolerated" };
export const word = (status) => words[status] ?? status.charAt(0).toUpperCase() + status.slice(1);

// announce tells those who listen, not more often than they can take in; the last of several wins.
let waiting = 0;
let next = "";
export function announce(text) {
  next = text;
  if (waiting) return;
  const say = () => {
    document.getElementById("announce").textContent = visible(next);
    next = "";
    waiting = setTimeout(() => {
      waiting = 0;
      if (next) announce(next);
    }, 8000);
  };
  say();
}

// toast shows what an action came to, until it was read or some time has passed; a problem stays.
export function toast(text, bad = false) {
  const box = document.getElementById("toasts");
  const el = make("div", { class: bad ? "toast bad" : "toast", role: bad ? "alert" : "status" }, make("span", {}, visible(text)));
  el.append(make("button", { type: "button", "aria-label": "Close", onclick: () => el.remove() }, "✕"));
  box.append(el);
  while (box.children.length > 3) box.firstElementChild.remove();
  if (!bad) setTimeout(() => el.remove(), 9000);
  return el;
}

// kept is a text that must not be lost: it stays in this browser until it is dropped.
export function kept(name) {
  const key = "dogear-draft:" + location.host + ":" + name;
  return {
    read: () => { try { return localStorage.getItem(key); } catch { return null; } },
    write: (text) => { try { localStorage.setItem(key, text); return true; } catch { return false; } },
    drop: () => { try { localStorage.removeItem(key); } catch { /* there is none */ } },
  };
}
