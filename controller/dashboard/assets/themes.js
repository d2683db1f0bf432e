// The toggle between the system's colours, light and dark. It is remembered in this browser.

const order = ["auto", "light", "dark"];
const faces = { auto: "◐", light: "☀", dark: "☾" };
const says = { auto: "as the system", light: "light", dark: "dark" };

export function startTheme() {
  const button = document.getElementById("theme");
  const root = document.documentElement;
  const show = () => {
    const now = root.dataset.theme ?? "auto";
    button.textContent = faces[now];
    button.setAttribute("aria-label", "Colours: " + says[now] + ". Change");
    button.title = button.getAttribute("aria-label");
  };
  button.addEventListener("click", () => {
    const now = order[(order.indexOf(root.dataset.theme ?? "auto") + 1) % order.length];
    if (now === "auto") delete root.dataset.theme;
    else root.dataset.theme = now;
    try {
      if (now === "auto") localStorage.removeItem("dogear-theme");
      else localStorage.setItem("dogear-theme", now);
    } catch {
      // It then lasts as long as the page.
    }
    show();
    dispatchEvent(new Event("dogear-theme"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("dogear-theme")));
  show();
}
