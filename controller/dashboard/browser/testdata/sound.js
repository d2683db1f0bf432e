(() => {
  const wrong = [];
  const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && e.getClientRects().length > 0;
  const at = (e) => e.outerHTML.slice(0, 120);
  const all = (css) => [...document.querySelectorAll(css)].filter(shown);

  if (!document.documentElement.lang) wrong.push("no language");
  if (!document.title) wrong.push("no title");
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  if (document.querySelectorAll("main").length !== 1) wrong.push("not one main");
  let level = 0;
  for (const h of all("h1, h2, h3, h4")) {
    const n = Number(h.localName[1]);
    if (n > level + 1) wrong.push("a heading is skipped before " + at(h));
    level = n;
  }
  const ids = new Set();
  for (const e of document.querySelectorAll("[id]")) {
    if (ids.has(e.id)) wrong.push("the id is there twice: " + e.id);
    ids.add(e.id);
  }
  for (const name of ["aria-labelledby", "aria-describedby", "aria-activedescendant", "for"]) {
    for (const e of document.querySelectorAll("[" + name + "]")) {
      for (const id of e.getAttribute(name).split(" ")) if (!document.getElementById(id)) wrong.push(name + " leads nowhere: " + at(e));
    }
  }
  for (const e of all("a[href], button, [role=button], summary")) {
    if (!(e.getAttribute("aria-label") ?? e.textContent).trim()) wrong.push("no name: " + at(e));
  }
  for (const e of all("input:not([type=hidden]), select, textarea")) {
    if (!e.labels?.length && !e.getAttribute("aria-label")) wrong.push("no label: " + at(e));
  }
  for (const e of all("img")) if (!e.hasAttribute("alt")) wrong.push("no text for " + at(e));
  for (const e of document.querySelectorAll("svg, canvas")) {
    if (!e.closest("[aria-hidden=true]") && !e.getAttribute("aria-label")) wrong.push("a drawing without a text: " + at(e));
  }
  for (const e of document.querySelectorAll("[tabindex]")) if (Number(e.getAttribute("tabindex")) > 0) wrong.push("order of tabs: " + at(e));
  for (const e of document.querySelectorAll("[style]")) if (e.closest(".cells") === null) wrong.push("a style in the markup: " + at(e));
  for (const e of document.querySelectorAll("th")) if (!e.getAttribute("scope")) wrong.push("a header of nothing: " + at(e));
  for (const e of document.querySelectorAll("section")) {
    if (!e.getAttribute("aria-label") && !e.getAttribute("aria-labelledby")) wrong.push("a section without a name: " + at(e));
  }
  for (const e of all("main *")) {
    const style = getComputedStyle(e);
    const scrolls = e.scrollHeight > e.clientHeight + 1 && /auto|scroll/.test(style.overflowY) || e.scrollWidth > e.clientWidth + 1 && /auto|scroll/.test(style.overflowX);
    if (scrolls && e.tabIndex < 0 && !e.querySelector("a, button")) wrong.push("can't be scrolled by keyboard: " + at(e));
  }
  if (document.documentElement.scrollWidth > innerWidth) {
    const wide = all("body *").find((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, .toasts, .hidden-text"));
    wrong.push("wider than the window: " + document.documentElement.scrollWidth + " " + (wide ? at(wide) : ""));
  }

  // Contrast of text with what lies behind it: 4.5, of large text 3 (WCAG 2.2, 1.4.3).
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (text) => {
    probe.clearRect(0, 0, 1, 1);
    probe.fillStyle = text;
    probe.fillRect(0, 0, 1, 1);
    return [...probe.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgba(getComputedStyle(e).backgroundColor);
      if (c[3] === 255) return c;
    }
    return [255, 255, 255, 255];
  };
  const seen = new Set();
  for (const e of all("body *")) {
    if (e.closest(".hidden-text, .skip, svg, option") || e.disabled) continue;
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.nodeValue.trim())) continue;
    const style = getComputedStyle(e);
    const [a, b] = [light(rgba(style.color)), light(behind(e))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || size >= 18.66 && Number(style.fontWeight) >= 700;
    const key = style.color + behind(e);
    if (contrast < (large ? 3 : 4.5) && !seen.has(key)) {
      seen.add(key);
      wrong.push("contrast " + contrast.toFixed(2) + ": " + at(e));
    }
  }
  return wrong;
})()
