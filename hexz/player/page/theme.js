// Light or dark: as the system says, or as the reader chose. The style sheets ask the system, with
// media queries; a choice turns those queries on or off. Runs before the page is painted.

(() => {
  const QUERY = /prefers-color-scheme|^all$|^not all$/;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const memory = storage();
  let chosen = memory?.getItem("theme");

  function storage() {
    try {
      return localStorage; // throws where somebody forbids it
    } catch {
      return null;
    }
  }

  function apply() {
    const dark = chosen ? chosen === "dark" : system.matches;
    for (const sheet of document.styleSheets) {
      for (const rule of sheet.cssRules) {
        if (!(rule instanceof CSSMediaRule) || !QUERY.test(rule.media.mediaText)) continue;
        rule.media.mediaText = dark ? "all" : "not all";
      }
    }
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
    return dark;
  }

  apply();
  system.addEventListener("change", apply);
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme")?.addEventListener("click", () => {
      const dark = !apply();
      chosen = dark === system.matches ? null : dark ? "dark" : "light";
      if (chosen) memory?.setItem("theme", chosen);
      else memory?.removeItem("theme");
      apply();
    });
  });
})();
