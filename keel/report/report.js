// Draws the charts. Every colour comes from the style sheet, so that the theme has one source.
var MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
var CURVE_STRETCHES = 700;
var data = JSON.parse(document.getElementById("data").textContent);
// `span` is the stretch of time all charts over time show, in milliseconds; null is the whole run.
var state = { scale: "linear", matched: false, instrument: 0, span: null, trade: null, priceLayout: null };
var DATES = [
  { dtickrange: [null, 86399999], value: "%H:%M\n%-d %b %Y" }, { dtickrange: [86400000, 2600000000], value: "%-d %b\n%Y" },
  { dtickrange: ["M1", "M11"], value: "%b\n%Y" }, { dtickrange: ["M12", null], value: "%Y" },
];
var CONFIG = {
  displaylogo: false, responsive: true, doubleClick: "reset",
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
function whole(number) { return number.toLocaleString("en"); }
function escapeMarkup(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
function named(text) { return { text: text, font: { color: colour("muted"), size: 12 }, standoff: 8 }; }

function axis(extra) {
  return Object.assign({
    gridcolor: colour("line"), linecolor: colour("strong"), zeroline: false, automargin: true, exponentformat: "B",
    tickfont: { color: colour("muted"), size: 12 }, title: named(""),
  }, extra);
}
function layout(extra) {
  return Object.assign({
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: DRAG,
    font: { family: getComputedStyle(document.body).fontFamily, color: colour("ink"), size: 13 },
    margin: { l: 8, r: 8, t: 44, b: 8 }, hovermode: "x unified",
    hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("strong"), font: { color: colour("ink") } },
    legend: { orientation: "h", uirevision: "kept", x: 0, y: 1, xanchor: "left", yanchor: "bottom", font: { color: colour("ink") } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("muted"), activecolor: colour("strategy") },
  }, extra);
}
function dateAxis(extra) {
  var shown = state.span ? { range: state.span.slice(), autorange: false } : { autorange: true };
  return axis(Object.assign({ type: "date", showgrid: false, hoverformat: "%-d %b %Y %H:%M", tickformatstops: DATES }, shown, extra));
}

// One stretch of time for all charts over time: what is zoomed in one is zoomed in all.
function setSpan(span) {
  state.span = span && span[1] > span[0] ? span : null;
  document.querySelectorAll("[data-reset]").forEach(function (button) { button.hidden = !state.span; });
  return Promise.all([drawEquity(), drawPrice(), drawRolling()]);
}
function listen(id, zoomed) {
  var box = document.getElementById(id);
  if (box.dataset.listens) { box.keelZoomed = zoomed; return; }
  box.dataset.listens = "yes";
  box.keelZoomed = zoomed;
  box.on("plotly_relayout", function (change) {
    if (change["xaxis.range[0]"] !== undefined) {
      box.keelZoomed([change["xaxis.range[0]"], change["xaxis.range[1]"]]);
    } else if (change["xaxis.range"]) {
      box.keelZoomed(change["xaxis.range"]);
    } else if (change["xaxis.autorange"]) {
      setSpan(null);
    }
  });
  box.on("plotly_doubleclick", function () { setSpan(null); return false; });
}
function zoomedTo(range) {
  setSpan(range.map(function (at) { return typeof at === "number" ? at : Date.parse(at.replace(" ", "T") + (at.length > 10 ? "Z" : "")); }));
}

var curves = null;
function drawEquity() {
  if (data.equity.shown < 2) { return message("equity", "The run ended before there was a curve to draw."); }
  curves = curves || unpack(data.equity.curves);
  return curves.then(function (e) {
    var from = state.span ? Math.max(0, firstAfter(e.t, state.span[0]) - 2) : 0;
    var to = state.span ? Math.min(e.n, firstAfter(e.t, state.span[1]) + 1) : e.n;
    var rows = thinnedRows([e.strategy, e.benchmark, e.strategy_drawdown], from, to, CURVE_STRETCHES);
    return Plotly.react("equity", equityTraces(e, rows, from, to), equityLayout(e, rows), CONFIG).then(function () { listen("equity", zoomedTo); });
  });
}
function equityTraces(e, rows, from, to) {
  var t = rows.map(function (k) { return e.t[k]; });
  function curve(key, name, tint, width, extra) {
    return Object.assign({
      type: "scatter", mode: "lines", x: t, y: rows.map(function (k) { return e[key][k]; }), name: name,
      line: { color: colour(tint), width: width },
    }, extra);
  }
  var amount = { hovertemplate: "%{y:,.2f}" };
  var fall = { yaxis: "y2", showlegend: false, hovertemplate: "%{y:.2%}" };
  // Positions come and go faster than pixels: what is shown of a stretch is its mean.
  function exposed(key, name, tint, extra) {
    var means = meansOf(e.t, e[key], from, to, document.getElementById("equity").clientWidth / 4);
    return Object.assign({ type: "scatter", mode: "lines", x: means.t, y: means.y, name: name, yaxis: "y3", showlegend: false,
      hovertemplate: "%{y:.1%}", line: { color: colour(tint), width: 1, shape: "hv" } }, extra);
  }
  var shorts = e.net.some(function (net, i) { return e.gross[i] - net > 1e-3; });
  var against = state.matched ? curve("matched", "Buy and hold at equal risk", "benchmark", 1.25, amount)
    : curve("benchmark", "Buy and hold", "benchmark", 1.25, amount);
  return [
    against,
    curve("strategy", "Strategy", "strategy", 1.75, amount),
    curve("benchmark_drawdown", "Buy and hold drawdown", "benchmark", 0.75, Object.assign({ opacity: 0.7 }, fall)),
    curve("strategy_drawdown", "Drawdown", "loss", 1, Object.assign({ fill: "tozeroy", fillcolor: faded("loss", 0.18) }, fall)),
    exposed("net", shorts ? "Net exposure" : "Exposure", "strategy", { fill: "tozeroy", fillcolor: faded("strategy", 0.2) }),
  ].concat(shorts ? [exposed("gross", "Gross exposure", "price", {})] : []);
}
function equityLayout(e, rows) {
  var log = state.scale === "log";
  return layout({
    xaxis: dateAxis({ anchor: "y3" }),
    yaxis: axis({ type: state.scale, domain: [0.44, 1], tickformat: log ? "~s" : ",.0f", fixedrange: true, title: named("Equity, " + escapeMarkup(data.currency)) }),
    yaxis2: axis({ domain: [0.2, 0.39], tickformat: ".0%", nticks: 4, fixedrange: true, title: named("Drawdown") }),
    yaxis3: axis({ domain: [0, 0.15], tickformat: ".0%", nticks: 5, fixedrange: true, rangemode: "tozero", title: named("Exposure") }),
    shapes: data.falls.map(function (fall) {
      return { type: "rect", xref: "x", yref: "y2 domain", x0: fall.peak, x1: fall.end, y0: 0, y1: 1, layer: "below",
        line: { width: 0 }, fillcolor: faded("loss", 0.07) };
    }),
    annotations: ranks(e.t[rows[0]], e.t[rows[rows.length - 1]]),
  });
}
// The ranks of the worst drawdowns at their lowest points, where they do not stand on one another.
function ranks(start, end) {
  var width = document.getElementById("equity").clientWidth;
  var taken = [];
  return data.falls.map(function (fall, i) {
    var at = (fall.trough - start) / (end - start) * width;
    var free = at >= 0 && at <= width && taken.every(function (other) { return Math.abs(other - at) > 16; });
    if (free) { taken.push(at); }
    return { visible: free, x: fall.trough, y: 1, xref: "x", yref: "y2 domain", yanchor: "bottom", showarrow: false,
      text: String(i + 1), font: { size: 11, color: colour("loss") } };
  });
}

var rolled = null;
function drawRolling() {
  var r = data.rolling;
  if (!r.curves) { return message("rolling", "The run is too short for figures that roll along: it has fewer than " + 2 * r.window + " daily returns."); }
  rolled = rolled || unpack(r.curves);
  return rolled.then(function (c) {
    var t = Array.from(c.t);
    function curve(key, name, tint, y, hover, extra) {
      return Object.assign({ type: "scatter", mode: "lines", x: t, y: Array.from(c[key]), name: name, yaxis: y, hovertemplate: hover,
        line: { color: colour(tint), width: tint === "benchmark" ? 1 : 1.5 } }, extra);
    }
    var quiet = { showlegend: false };
    return Plotly.react("rolling", [
      curve("benchmark_sharpe", "Buy and hold", "benchmark", "y", "%{y:.2f}"),
      curve("sharpe", "Strategy", "strategy", "y", "%{y:.2f}"),
      curve("benchmark_volatility", "Buy and hold volatility", "benchmark", "y2", "%{y:.1%}", quiet),
      curve("volatility", "Volatility", "strategy", "y2", "%{y:.1%}", quiet),
      curve("beta", "Beta", "strategy", "y3", "%{y:.2f}", quiet),
    ], layout({
      xaxis: dateAxis({ anchor: "y3" }),
      yaxis: axis({ domain: [0.56, 1], fixedrange: true, zeroline: true, zerolinecolor: colour("strong"), title: named("Sharpe ratio") }),
      yaxis2: axis({ domain: [0.28, 0.5], fixedrange: true, nticks: 4, tickformat: ".0%", rangemode: "tozero", title: named("Volatility") }),
      yaxis3: axis({ domain: [0, 0.22], fixedrange: true, nticks: 4, zeroline: true, zerolinecolor: colour("strong"), title: named("Beta") }),
    }), CONFIG).then(function () { listen("rolling", zoomedTo); });
  });
}

function spans(edges) { return edges.slice(1).map(function (edge, i) { return [edges[i], edge]; }); }
function middles(edges) { return spans(edges).map(function (span) { return (span[0] + span[1]) / 2; }); }
function histogramLayout(extra) {
  return layout(Object.assign({
    margin: { l: 8, r: 8, t: 32, b: 8 }, hovermode: "closest", bargap: 0, barmode: "overlay",
  }, extra));
}
function drawDays() {
  var d = data.days;
  if (!d.edges.length) { return message("days", "The run was shorter than two days."); }
  var x = middles(d.edges);
  var hover = "%{customdata[0]:.2%} to %{customdata[1]:.2%}: %{y:,} days";
  var risk = d.value_at_risk;
  document.getElementById("days-note").textContent = d.cut ? "The outermost bars also hold what lies beyond the 1st and 99th percentile." : "";
  return Plotly.react("days", [
    { type: "bar", x: x, y: d.strategy, name: "Strategy", customdata: spans(d.edges), hovertemplate: hover, width: d.edges[1] - d.edges[0],
      marker: { color: faded("strategy", 0.75), line: { color: colour("bg"), width: 0.5 } } },
    { type: "scatter", mode: "lines", x: x, y: d.benchmark, name: "Buy and hold", hoverinfo: "skip",
      line: { color: colour("benchmark"), width: 1.5, shape: "hvh" } },
  ], histogramLayout({
    xaxis: axis({ tickformat: ".1~%", showgrid: false, title: named("Return of a day") }),
    yaxis: axis({ title: named("Days") }),
    shapes: risk === null ? [] : [{ type: "line", xref: "x", yref: "paper", x0: risk, x1: risk, y0: 0, y1: 0.94, line: { color: colour("loss"), width: 1.5, dash: "dash" } }],
    annotations: risk === null ? [] : [{ x: risk, y: 0.94, xref: "x", yref: "paper", xanchor: "right", yanchor: "top", showarrow: false, xshift: -4,
      text: "1 day in 20<br>was worse<br>than " + percent(risk), align: "right", font: { color: colour("loss"), size: 12 } }],
  }), Object.assign({}, CONFIG, { displayModeBar: false }));
}
function drawReturns() {
  var r = data.returns;
  if (!r.counts.length) { return message("returns", "No trade was closed."); }
  var x = middles(r.edges);
  document.getElementById("returns-note").textContent = r.cut
    ? "Blue gained, orange lost. The outermost bars also hold what lies beyond the 1st and 99th percentile."
    : "Blue gained, orange lost.";
  return Plotly.react("returns", [{
    type: "bar", x: x, y: r.counts, customdata: spans(r.edges), width: r.edges[1] - r.edges[0],
    marker: { color: x.map(function (at) { return colour(at > 0 ? "gain" : "loss"); }), line: { color: colour("bg"), width: 1 } },
    hovertemplate: "%{customdata[0]:.2%} to %{customdata[1]:.2%}: %{y:,}<extra></extra>",
  }], histogramLayout({
    margin: { l: 8, r: 8, t: 8, b: 8 }, showlegend: false,
    xaxis: axis({ tickformat: ".1~%", showgrid: false, title: named("Return on entry value, net of fees") }),
    yaxis: axis({ title: named("Trades") }),
  }), Object.assign({}, CONFIG, { displayModeBar: false }));
}

function message(id, text) {
  var box = document.createElement("p");
  box.className = "chart-message";
  box.textContent = text;
  document.getElementById(id).replaceChildren(box);
  return Promise.resolve();
}
function draw() { return Promise.all([drawEquity(), drawPrice(), drawRolling(), drawDays(), drawReturns()]); }

function fillInstruments() {
  var select = document.getElementById("instrument");
  data.prices.forEach(function (p, i) { select.add(new Option(p.symbol, String(i))); });
  document.getElementById("instrument-field").hidden = data.prices.length < 2;
  select.addEventListener("change", function () {
    state.instrument = Number(select.value);
    state.trade = null;
    document.getElementById("trade-note").textContent = "";
    drawPrice();
  });
}
function wire(selector, act) {
  document.querySelectorAll(selector).forEach(function (button) { button.addEventListener("click", function () { act(button); }); });
}
function press(selector, pressed) {
  document.querySelectorAll(selector).forEach(function (b) { b.setAttribute("aria-pressed", String(b === pressed)); });
}
// The last day, week, month … before the end of what is shown.
function lastSpan(days) {
  return loadPrice(state.instrument).then(function (all) {
    var bars = all.bars;
    var end = state.span ? Math.min(state.span[1], momentAt(bars, bars.n)) : momentAt(bars, bars.n);
    return setSpan([Math.max(bars.t[0], end - days * DAY), end]);
  });
}
function wireButtons() {
  wire("[data-scale]", function (button) { state.scale = button.dataset.scale; press("[data-scale]", button); drawEquity(); });
  wire("[data-matched]", function (button) {
    state.matched = !state.matched;
    button.setAttribute("aria-pressed", String(state.matched));
    drawEquity();
  });
  wire("[data-days]", function (button) { lastSpan(Number(button.dataset.days)); });
  wire("[data-reset]", function () { setSpan(null); });
  wire("[data-trade]", function (button) { stepTrade(Number(button.dataset.trade)); });
}
function nameTheme() {
  var dark = document.documentElement.dataset.theme === "dark";
  document.getElementById("theme-name").textContent = dark ? "Light" : "Dark";
}

// The library is carried compressed: it takes a third of the room and is unpacked in a few milliseconds.
function loadLibrary() {
  return gunzipped(document.getElementById("plotly").textContent.trim()).text().then(function (code) {
    var script = document.createElement("script");
    script.textContent = code;
    document.head.append(script);
  });
}

nameTheme();
document.getElementById("theme").addEventListener("click", window.keelToggleTheme);
document.addEventListener("keel-theme", nameTheme);
fillInstruments();
wireButtons();
Promise.resolve().then(loadLibrary).then(draw).then(function () {
  document.addEventListener("keel-theme", draw);
  document.documentElement.dataset.drawn = "yes";
}).catch(function (error) {
  ["equity", "price", "rolling", "days", "returns"].forEach(function (id) {
    message(id, "The charts need a browser of 2023 or newer; the tables on this page are complete. (" + error + ")");
  });
});
