// Times that go on: ages, what has taken how long so far, and what is left of a wait.

function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min " + two(s % 60) + " s";
  if (s < 86400) return Math.floor(s / 3600) + " h " + two(Math.floor(s / 60) % 60) + " min";
  return Math.floor(s / 86400) + " d " + (Math.floor(s / 3600) % 24) + " h";
}

function ago(ms) {
  const s = Math.floor(ms / 1000);
  if (s < 5) return "just now";
  if (s < 60) return s + " s ago";
  if (s < 3600) return Math.floor(s / 60) + " min ago";
  if (s < 86400) return Math.floor(s / 3600) + " h ago";
  if (s < 172800) return "1 day ago";
  return Math.floor(s / 86400) + " days ago";
}

const stamp = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function tick() {
  if (document.hidden) return;
  const now = Date.now();
  for (const el of document.querySelectorAll("time[datetime]")) {
    const at = Date.parse(el.dateTime);
    if (Number.isNaN(at)) continue;
    let text = null;
    if (el.hasAttribute("data-rel")) text = ago(now - at);
    else if (el.hasAttribute("data-since")) text = duration(now - at);
    else if (el.hasAttribute("data-until")) text = at > now ? "in " + duration(at - now) : "now";
    else continue;
    if (el.textContent !== text) el.textContent = text;
    const title = stamp.format(at);
    if (el.title !== title) el.title = title; // in the reader's own time zone
  }
}

export function startClocks() {
  tick();
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
}
