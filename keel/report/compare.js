// Draws the curves and the bars of a comparison. Line colours come with the data, all others from the style sheet.
(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("data").textContent);
  var chosen = data.chosen;
  var CONFIG = {
    displaylogo: false, responsive: true,
    showSendToCloud: false, plotlyServerURL: "", // the library would offer to upload the chart
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
  };

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }
  function unpack(text) {
    var raw = atob(text);
    var bytes = new Uint8Array(raw.length);
    for (var i = 0; i < raw.length; i += 1) { bytes[i] = raw.charCodeAt(i); }
    return bytes;
  }
  function values(text) { return Array.from(new Float64Array(unpack(text).buffer)); }
  function axis(extra) {
    return Object.assign({
      gridcolor: colour("line"), linecolor: colour("strong"), zerolinecolor: colour("strong"), automargin: true,
      tickfont: { color: colour("muted"), size: 12 },
    }, extra);
  }
  function layout(extra) {
    return Object.assign({
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, color: colour("ink"), size: 13 },
      margin: { l: 8, r: 8, t: 32, b: 8 },
      hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("strong"), font: { color: colour("ink") } },
      legend: { orientation: "h", x: 0, y: 1, xanchor: "left", yanchor: "bottom", font: { color: colour("ink") } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("muted"), activecolor: colour("strategy") },
    }, extra);
  }
  function tint(i) { return data.colours[i % data.colours.length]; }

  function drawGrowth() {
    return Plotly.react("growth", data.runs.map(function (run, i) {
      return {
        type: "scatter", mode: "lines", name: run.name, x: values(run.t), y: values(run.growth),
        line: { color: tint(i), width: 1.6, dash: i < data.colours.length ? "solid" : "dash" },
        hovertemplate: "%{y:.4f}",
      };
    }), layout({
      hovermode: "x unified", showlegend: true,
      xaxis: axis({ type: "date", showgrid: false, hoverformat: "%-d %b %Y %H:%M" }), yaxis: axis({}),
    }), CONFIG);
  }
  function drawBars() {
    var figure = data.figures[chosen];
    return Plotly.react("bars", [{
      type: "bar", x: data.runs.map(function (run) { return run.name; }), y: figure.values, text: figure.texts,
      textposition: "auto", cliponaxis: false, customdata: data.runs.map(function (run) { return run.id; }),
      hovertemplate: "%{customdata}: %{text}<extra></extra>",
      marker: { color: data.runs.map(function (_, i) { return tint(i); }) },
    }], layout({ showlegend: false, bargap: 0.4, xaxis: axis({ showgrid: false, type: "category" }), yaxis: axis({}) }),
    Object.assign({}, CONFIG, { displayModeBar: false }));
  }
  function draw() { return Promise.all([drawGrowth(), drawBars()]); }

  function fillFigures() {
    var select = document.getElementById("figure");
    data.figures.forEach(function (each, i) { select.add(new Option(each.label, String(i), false, i === chosen)); });
    select.addEventListener("change", function () { chosen = Number(select.value); drawBars(); });
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
  fillFigures();
  loadLibrary().then(draw).then(function () {
    document.addEventListener("keel-theme", draw);
    document.documentElement.dataset.drawn = "yes";
  }).catch(function (error) {
    ["growth", "bars"].forEach(function (id) {
      var box = document.createElement("p");
      box.className = "chart-message";
      box.textContent = "The charts need a browser of 2023 or newer; the tables on this page are complete. (" + error + ")";
      document.getElementById(id).replaceChildren(box);
    });
  });
})();
