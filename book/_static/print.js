/* Before a page is printed: unfold what is folded, and turn a dark page light, or it would be
   printed in light grey on white. Afterwards everything is as it was. */
(() => {
  const root = document.documentElement;
  let folded = [];
  let theme = null;
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((fold) => (fold.open = true));
    theme = root.dataset.theme;
    root.dataset.theme = "light";
  });
  window.addEventListener("afterprint", () => {
    folded.forEach((fold) => (fold.open = false));
    if (theme) root.dataset.theme = theme;
  });
})();
