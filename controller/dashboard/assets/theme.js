// Runs before the page is drawn, so that a theme chosen earlier does not flash.
(() => {
  try {
    const theme = localStorage.getItem("dogear-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // A browser that keeps nothing has no theme to remember.
  }
})();
