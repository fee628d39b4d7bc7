// Runs in <head>, before anything is drawn: the reader's choice, else `?theme=`, else what the system prefers.
(function () {
  "use strict";
  var system = window.matchMedia("(prefers-color-scheme: dark)");
  var asked = new URLSearchParams(location.search).get("theme");
  var kept = null;
  try { kept = localStorage.getItem("keel-theme"); } catch (error) { kept = null; }
  var chosen = [asked, kept].find(function (name) { return name === "light" || name === "dark"; }) || null;
  function apply() {
    document.documentElement.dataset.theme = chosen || (system.matches ? "dark" : "light");
    document.dispatchEvent(new Event("keel-theme"));
  }
  window.keelToggleTheme = function () {
    chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("keel-theme", chosen); } catch (error) { /* private window: kept for this page only */ }
    apply();
  };
  system.addEventListener("change", apply);
  apply();
})();
