// The event stream: kept up, taken up again where it ended, its state shown.

const words = {
  wait: "connecting",
  live: "live",
  lost: "connection lost, retrying",
  login: "logged out",
};

function show(state) {
  const el = document.getElementById("link-state");
  if (!el || el.dataset.state === state) return;
  el.dataset.state = state;
  if (state !== "login") {
    el.textContent = words[state];
    return;
  }
  const link = document.createElement("a");
  link.href = location.href; // the server sends on to the login, and back
  link.textContent = "log in again";
  el.replaceChildren(words.login + ": ", link);
}

// loggedOut finds out why a stream was refused for good.
async function loggedOut() {
  try {
    const res = await fetch(location.href, { redirect: "manual", method: "HEAD" });
    return res.type === "opaqueredirect" || res.status === 401;
  } catch {
    return false;
  }
}

// connect listens to a stream. open is told whether it is open again after a loss; on has a function for each event.
// A browser takes a broken stream up again by itself; one that was refused is tried again here, ever less often.
export function connect(url, { open, on }) {
  let source = null;
  let last = "";
  let wait = 1000;
  let lost = false;

  const start = () => {
    const from = last ? (url.includes("?") ? "&" : "?") + "after=" + encodeURIComponent(last) : "";
    source = new EventSource(url + from);
    source.onopen = () => {
      show("live");
      wait = 1000;
      open?.(lost);
      lost = false;
    };
    source.onerror = async () => {
      lost = true;
      show("lost");
      if (source.readyState !== EventSource.CLOSED) return;
      if (await loggedOut()) show("login");
      setTimeout(start, wait);
      wait = Math.min(wait * 2, 5000);
    };
    source.addEventListener("end", () => {
      lost = true;
      show("lost");
    });
    for (const [name, fn] of Object.entries(on)) {
      source.addEventListener(name, (e) => {
        if (e.lastEventId) last = e.lastEventId;
        fn(JSON.parse(e.data));
      });
    }
  };
  show("wait");
  start();
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (e) => e.persisted && start());
}
