// Draws the charts. Every colour comes from the style sheet, so that the theme has one source.
(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("data").textContent);
  var scale = "linear";
  var instrument = 0;
  var CONFIG = {
    displaylogo: false, responsive: true,
    showSendToCloud: false, plotlyServerURL: "", // the library would offer to upload the chart
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
  };
  // A finger that scrolls past a chart must scroll the page, and the tools need a pointer and room.
  var DRAG = window.matchMedia("(pointer: coarse)").matches ? false : "zoom";
  CONFIG.displayModeBar = DRAG && window.matchMedia("(min-width: 561px)").matches ? "hover" : false;

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }
  function faded(name, alpha) {
    var hex = parseInt(colour(name).slice(1), 16);
    return "rgba(" + [(hex >> 16) & 255, (hex >> 8) & 255, hex & 255, alpha].join(",") + ")";
  }
  function unpack(text) {
    var raw = atob(text);
    var bytes = new Uint8Array(raw.length);
    for (var i = 0; i < raw.length; i += 1) { bytes[i] = raw.charCodeAt(i); }
    return bytes;
  }
  function values(text) { return Array.from(new Float64Array(unpack(text).buffer)); }
  function whole(number) { return number.toLocaleString("en"); }

  function axis(extra) {
    return Object.assign({
      gridcolor: colour("line"), linecolor: colour("strong"), zeroline: false, automargin: true,
      tickfont: { color: colour("muted"), size: 12 }, title: { font: { color: colour("muted"), size: 12 }, text: "" },
    }, extra);
  }
  function layout(extra) {
    return Object.assign({
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: DRAG,
      font: { family: getComputedStyle(document.body).fontFamily, color: colour("ink"), size: 13 },
      margin: { l: 8, r: 8, t: 32, b: 8 }, hovermode: "x unified",
      hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("strong"), font: { color: colour("ink") } },
      legend: { orientation: "h", x: 0, y: 1, xanchor: "left", yanchor: "bottom", font: { color: colour("ink") } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("muted"), activecolor: colour("strategy") },
    }, extra);
  }
  function dateAxis(extra) {
    return axis(Object.assign({ type: "date", showgrid: false, hoverformat: "%-d %b %Y %H:%M" }, extra));
  }

  function drawEquity() {
    var e = data.equity;
    if (e.shown < 2) { return message("equity", "The run ended before there was a curve to draw."); }
    var t = values(e.t);
    function curve(key, name, tint, width, extra) {
      return Object.assign({
        type: "scatter", mode: "lines", x: t, y: values(e[key]), name: name,
        line: { color: colour(tint), width: width },
      }, extra);
    }
    var money = { hovertemplate: "%{y:,.2f}" };
    var fall = { yaxis: "y2", showlegend: false, hovertemplate: "%{y:.2%}" };
    var traces = [
      curve("benchmark", "Buy and hold", "benchmark", 1.25, money),
      curve("strategy", "Strategy", "strategy", 1.75, money),
      curve("benchmark_drawdown", "Buy and hold drawdown", "benchmark", 0.75, Object.assign({ opacity: 0.7 }, fall)),
      curve("strategy_drawdown", "Drawdown", "loss", 1,
        Object.assign({ fill: "tozeroy", fillcolor: faded("loss", 0.18) }, fall)),
    ];
    return Plotly.react("equity", traces, layout({
      xaxis: dateAxis({ anchor: "y2" }),
      yaxis: axis({ type: scale, domain: [0.32, 1], tickformat: scale === "log" ? "~s" : ",.0f",
        title: { text: "Equity, " + data.currency, font: { color: colour("muted"), size: 12 } } }),
      yaxis2: axis({ domain: [0, 0.25], tickformat: ".0%", nticks: 4,
        title: { text: "Drawdown", font: { color: colour("muted"), size: 12 } } }),
    }), CONFIG);
  }

  function drawPrice() {
    var p = data.prices[instrument];
    if (!p || p.shown < 2) { return message("price", "The run ended before there were prices to draw."); }
    function markers(side, name, symbol, tint) {
      return {
        type: "scatter", mode: "markers", x: values(side.t), y: values(side.price), customdata: values(side.qty),
        name: name, hovertemplate: "%{customdata:,.10~g} at %{y:,.10~g}",
        marker: { symbol: symbol, color: colour(tint), size: 9, line: { color: colour("bg"), width: 1 } },
      };
    }
    var note = p.shown === p.rows ? "Every bar is drawn" : "Drawn from " + whole(p.shown) + " of " + whole(p.rows) + " bars";
    note += p.fills_shown < p.fills
      ? ", with " + whole(p.fills_shown) + " of " + whole(p.fills) + " fills, spread evenly over time."
      : p.fills ? ", with all " + whole(p.fills) + " fills." : ". Nothing was traded here.";
    document.getElementById("price-note").textContent = note;
    return Plotly.react("price", [
      { type: "scatter", mode: "lines", x: values(p.t), y: values(p.close), name: "Close",
        line: { color: colour("price"), width: 1.1 }, hovertemplate: "%{y:,.10~g}" },
      markers(p.buys, "Buy", "triangle-up", "gain"),
      markers(p.sells, "Sell", "triangle-down", "loss"),
    ], layout({
      xaxis: dateAxis({}),
      yaxis: axis({ title: { text: escapeMarkup(p.symbol), font: { color: colour("muted"), size: 12 } } }),
      hovermode: "closest",
    }), CONFIG);
  }

  function drawReturns() {
    var r = data.returns;
    if (!r.counts.length) { return message("returns", "No trade was closed."); }
    var middle = r.counts.map(function (_, i) { return (r.edges[i] + r.edges[i + 1]) / 2; });
    var tints = middle.map(function (x) { return colour(x > 0 ? "gain" : "loss"); });
    var span = r.counts.map(function (_, i) { return [r.edges[i], r.edges[i + 1]]; });
    document.getElementById("returns-note").textContent = r.cut
      ? "Blue gained, orange lost. The outermost bars also hold what lies beyond the 1st and 99th percentile."
      : "Blue gained, orange lost.";
    return Plotly.react("returns", [{
      type: "bar", x: middle, y: r.counts, customdata: span, width: r.edges[1] - r.edges[0],
      marker: { color: tints, line: { color: colour("bg"), width: 1 } },
      hovertemplate: "%{customdata[0]:.2%} to %{customdata[1]:.2%}: %{y:,}<extra></extra>",
    }], layout({
      margin: { l: 8, r: 8, t: 8, b: 8 }, hovermode: "closest", bargap: 0, showlegend: false,
      xaxis: axis({ tickformat: ".1~%", showgrid: false,
        title: { text: "Return on entry value, net of fees", font: { color: colour("muted"), size: 12 } } }),
      yaxis: axis({ title: { text: "Trades", font: { color: colour("muted"), size: 12 } } }),
    }), Object.assign({}, CONFIG, { displayModeBar: false }));
  }

  function escapeMarkup(text) {
    return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }
  function message(id, text) {
    var box = document.createElement("p");
    box.className = "chart-message";
    box.textContent = text;
    document.getElementById(id).replaceChildren(box);
    return Promise.resolve();
  }
  function draw() { return Promise.all([drawEquity(), drawPrice(), drawReturns()]); }

  function fillInstruments() {
    var select = document.getElementById("instrument");
    data.prices.forEach(function (p, i) { select.add(new Option(p.symbol, String(i))); });
    document.getElementById("instrument-field").hidden = data.prices.length < 2;
    select.addEventListener("change", function () { instrument = Number(select.value); drawPrice(); });
  }
  function wireScale() {
    var buttons = Array.from(document.querySelectorAll("[data-scale]"));
    buttons.forEach(function (button) {
      button.addEventListener("click", function () {
        scale = button.dataset.scale;
        buttons.forEach(function (b) { b.setAttribute("aria-pressed", String(b === button)); });
        drawEquity();
      });
    });
  }
  function nameTheme() {
    var dark = document.documentElement.dataset.theme === "dark";
    document.getElementById("theme-name").textContent = dark ? "Light" : "Dark";
  }

  // The library is carried compressed: it takes a third of the room and is unpacked in a few milliseconds.
  function loadLibrary() {
    var bytes = unpack(document.getElementById("plotly").textContent.trim());
    var plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(plain).text().then(function (code) {
      var script = document.createElement("script");
      script.textContent = code;
      document.head.append(script);
    });
  }

  nameTheme();
  document.getElementById("theme").addEventListener("click", window.keelToggleTheme);
  document.addEventListener("keel-theme", nameTheme);
  fillInstruments();
  wireScale();
  Promise.resolve().then(loadLibrary).then(draw).then(function () {
    document.addEventListener("keel-theme", draw);
    document.documentElement.dataset.drawn = "yes";
  }).catch(function (error) {
    ["equity", "price", "returns"].forEach(function (id) {
      message(id, "The charts need a browser of 2023 or newer; the tables on this page are complete. (" + error + ")");
    });
  });
})();
