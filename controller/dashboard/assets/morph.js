// morph changes an element into another of the same kind with as few changes as it can, so that focus, selection, scroll
// positions and what is open stay. Children are paired by id, else by order and kind. What is marked data-keep belongs to
// a script and stays as it is.

export function morph(from, to) {
  attributes(from, to);
  children(from, to);
}

function attributes(from, to) {
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !(name === "open" && from.localName === "details")) from.removeAttribute(name);
  }
}

function children(from, to) {
  const wanted = new Set();
  for (const el of to.children) if (el.id) wanted.add(el.id);
  const named = new Map();
  for (const el of [...from.children]) {
    if (!el.id) continue;
    if (wanted.has(el.id)) named.set(el.id, el);
    else el.remove();
  }
  let at = from.firstChild;
  for (const next of [...to.childNodes]) {
    const match = partner(at, next, named);
    if (!match) {
      from.insertBefore(document.importNode(next, true), at);
      continue;
    }
    // What lies between and is not looked for goes. Nothing is moved without need: moving loses focus and scroll.
    while (at && at !== match && !at.id) at = removed(at);
    if (at === match) at = at.nextSibling;
    else from.insertBefore(match, at);
    change(match, next);
  }
  while (at) at = removed(at);
}

function removed(node) {
  const rest = node.nextSibling;
  node.remove();
  return rest;
}

// partner finds what is to become the next node: of the same id, else the next one of its kind without an id.
function partner(at, next, named) {
  if (next.id) {
    const el = named.get(next.id);
    return el && el.localName === next.localName ? el : null;
  }
  if (next.nodeType !== Node.ELEMENT_NODE) return at && at.nodeType === next.nodeType ? at : null;
  for (; at; at = at.nextSibling) {
    if (at.nodeType !== Node.ELEMENT_NODE || at.id) continue;
    return at.localName === next.localName && at.classList[0] === next.classList[0] ? at : null;
  }
  return null;
}

function change(from, to) {
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  if (from.hasAttribute("data-keep")) {
    attributes(from, to);
    return;
  }
  if (from.isEqualNode(to) || sameClock(from, to)) return;
  morph(from, to);
}

// sameClock: a time that goes on is written by the page's own clock, in other units at times.
function sameClock(from, to) {
  return from.localName === "time" && from.dateTime === to.dateTime && ["data-rel", "data-since", "data-until"].some((n) => from.hasAttribute(n) && to.hasAttribute(n));
}
