// morph changes an element into another of the same kind with as few changes as it can, so that focus, selection, scroll
// positions and what is open stay. Children are paired by id, else by their order. What is marked data-keep belongs to
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
  const named = new Map();
  for (const el of from.children) if (el.id) named.set(el.id, el);
  let at = from.firstChild;
  for (const next of [...to.childNodes]) {
    const match = partner(at, next, named);
    if (!match) {
      from.insertBefore(document.importNode(next, true), at);
      continue;
    }
    if (match === at) at = at.nextSibling;
    else from.insertBefore(match, at);
    change(match, next);
  }
  while (at) {
    const rest = at.nextSibling;
    at.remove();
    at = rest;
  }
}

// partner finds what is to become the next node. Between them lies what has no place any more.
function partner(at, next, named) {
  if (next.id) {
    const el = named.get(next.id);
    return el && el.localName === next.localName ? el : null;
  }
  return at && at.nodeType === next.nodeType && at.localName === next.localName && !at.id ? at : null;
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
  if (from.isEqualNode(to)) return;
  morph(from, to);
}
