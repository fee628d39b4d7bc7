// Draws the charts of a search: each is a list of plotly traces and a layout whose colours come from the style sheet.
(function () {
  "use strict";
  var charts = JSON.parse(document.getElementById("data").textContent);
  var CONFIG = { displaylogo: false, responsive: true, showSendToCloud: false, plotlyServerURL: "" };

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }
  // "--strategy" in a chart stands for that colour of the style sheet.
  function tinted(tree) {
    if (typeof tree === "string") { return tree.indexOf("--") === 0 ? colour(tree.slice(2)) : tree; }
    if (Array.isArray(tree)) { return tree.map(tinted); }
    if (tree && typeof tree === "object") {
      return Object.fromEntries(Object.entries(tree).map(function (e) { return [e[0], tinted(e[1])]; }));
    }
    return tree;
  }
  function layout(own) {
    return Object.assign({
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, color: colour("ink"), size: 13 },
      margin: { l: 64, r: 40, t: 48, b: 48 },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("muted"), activecolor: colour("strategy") },
      hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("strong"), font: { color: colour("ink") } },
    }, tinted(own));
  }
  function draw() {
    Object.entries(charts).forEach(function (each) {
      Plotly.react(each[0], tinted(each[1].traces), layout(each[1].layout), CONFIG);
    });
  }
  function unpack(text) {
    var raw = atob(text), bytes = new Uint8Array(raw.length);
    for (var i = 0; i < raw.length; i += 1) { bytes[i] = raw.charCodeAt(i); }
    return bytes;
  }
  // The library is carried compressed, as in a run's report.
  async function start() {
    var packed = new Blob([unpack(document.getElementById("plotly").textContent.trim())]);
    var source = await new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).text();
    var script = document.createElement("script");
    script.textContent = source;
    document.head.appendChild(script);
    draw();
    document.addEventListener("keel-theme", draw);
    document.body.dataset.drawn = "yes";
  }
  document.getElementById("theme").addEventListener("click", window.keelToggleTheme);
  start();
})();
