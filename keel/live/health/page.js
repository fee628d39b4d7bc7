// Asks for /status every second and draws it. Whatever comes is set as text, never as markup.
(function () {
  "use strict";
  var EVERY_MS = 1000, PATIENCE_MS = 4000, MOST_ROWS = 200;
  var MISSING = "–", MINUS = "−";
  var WORLDS = { real: "REAL MONEY", testnet: "TESTNET · play money", practice: "PRACTICE · play money" };
  var heard = null;

  function at(id) { return document.getElementById(id); }
  function make(tag, text, kind) {
    var element = document.createElement(tag);
    if (text !== undefined) { element.textContent = text; }
    if (kind) { element.className = kind; }
    return element;
  }
  function fill(id, parts) { at(id).replaceChildren.apply(at(id), parts); }

  function number(value, least, most) {
    if (value === null || value === undefined) { return MISSING; }
    var text = Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: least, maximumFractionDigits: most });
    return (value < 0 && /[1-9]/.test(text) ? MINUS : "") + text;
  }
  function money(value) { return number(value, 2, 2); }
  function quantity(value) {
    return number(value, 0, value === null ? 0 : Math.max(0, 9 - Math.abs(value).toFixed(0).length));
  }
  function price(value) {
    if (value !== null && Math.abs(value) >= 100) { return number(value, 2, 2); }
    if (value === null || value === undefined) { return MISSING; }
    return (value < 0 ? MINUS : "") + Math.abs(value).toLocaleString("en-US", { maximumSignificantDigits: 6 });
  }
  function percent(value) { return value === null || value === undefined ? MISSING : number(value * 100, 2, 2) + "%"; }
  function signed(value) { return (value > 0 && /[1-9]/.test(money(value)) ? "+" : "") + money(value); }
  function side(value) { return value > 0 ? "gain" : value < 0 ? "loss" : ""; }
  function ms(value) { return value === null || value === undefined ? MISSING : number(value, 0, value < 10 ? 1 : 0) + " ms"; }
  function lasted(seconds) {
    if (seconds === null || seconds === undefined) { return MISSING; }
    if (seconds < 60) { return number(seconds, 0, seconds < 10 ? 1 : 0) + " s"; }
    if (seconds < 3600) { return Math.floor(seconds / 60) + " min " + Math.floor(seconds % 60) + " s"; }
    if (seconds < 172800) { return Math.floor(seconds / 3600) + " h " + Math.floor(seconds % 3600 / 60) + " min"; }
    return Math.floor(seconds / 86400) + " d " + Math.floor(seconds % 86400 / 3600) + " h";
  }
  function clock(stamp) { return new Date(stamp).toISOString().slice(0, 19).replace("T", " ") + " UTC"; }

  // Columns are [heading, words?, row -> text, row -> class].
  function table(id, rows, columns, none) {
    if (!rows.length) { fill(id, [make("p", none, "empty")]); return; }
    var head = make("tr"), body = make("tbody"), whole = make("table"), top = make("thead");
    columns.forEach(function (column) {
      var cell = make("th", column[0], column[1].replace("mono", "").trim());
      cell.scope = "col";
      head.append(cell);
    });
    rows.slice(0, MOST_ROWS).forEach(function (row) {
      var line = make("tr");
      columns.forEach(function (column) {
        line.append(make("td", column[2](row), [column[1], column[3] ? column[3](row) : ""].join(" ").trim()));
      });
      body.append(line);
    });
    top.append(head);
    whole.append(top, body);
    var parts = [whole];
    if (rows.length > MOST_ROWS) { parts.push(make("p", "and " + (rows.length - MOST_ROWS) + " more: see /status", "empty")); }
    fill(id, parts);
  }

  function tile(name, value, kind, beside) {
    var box = make("div", undefined, "tile");
    box.append(make("dt", name), make("dd", value, kind));
    if (beside) { box.append(make("dd", beside, "beside")); }
    return box;
  }

  function drawHead(s) {
    var world = s.dry_run ? "dry" : s.environment;
    var name = s.dry_run ? "DRY RUN · simulated fills, no order leaves" : WORLDS[world] || s.environment.toUpperCase();
    at("world").dataset.world = s.dry_run || WORLDS[world] ? world : "real";
    at("world").textContent = name;
    document.title = (s.healthy ? "" : "! ") + name.split(" · ")[0] + " · " + s.run_id;
    at("run").textContent = s.run_id;
    var state = { ACTIVE: "fine", REDUCING: "near", HALTED: "alarm" }[s.trading_state];
    var parts = [
      make("span", s.trading_state, state), make("span", s.phase), make("span", s.venue),
      make("span", "up " + lasted((s.ts_ms - s.started_ms) / 1000)), make("span", clock(s.ts_ms)),
    ];
    if (s.session) { parts.splice(2, 0, make("span", s.session.toLowerCase().replace("_", " "))); }
    if (s.healthy) { parts.unshift(make("span", "Healthy", "fine")); }
    fill("meta", parts);
  }

  function drawTiles(s) {
    fill("tiles", [
      tile("Equity", money(s.equity), "", "cash " + money(s.cash)),
      tile("P&L today", signed(s.pnl_today), side(s.pnl_today)),
      tile("P&L of the run", signed(s.pnl_total), side(s.pnl_total)),
      tile("Drawdown", percent(s.drawdown)),
      tile("Gross exposure", percent(s.gross_weight), "", s.positions.length + (s.positions.length === 1 ? " position" : " positions")),
      tile("Last bar", s.last_bar_age_s === null ? MISSING : lasted(s.last_bar_age_s) + " ago"),
    ]);
  }

  function drawTables(s) {
    table("positions", s.positions, [
      ["Symbol", "words", function (p) { return p.symbol; }],
      ["Quantity", "", function (p) { return quantity(p.qty); }],
      ["Average", "", function (p) { return price(p.average_price); }],
      ["Mark", "", function (p) { return price(p.mark_price); }],
      ["Value", "", function (p) { return money(p.value); }],
      ["Weight", "", function (p) { return percent(p.weight); }],
      ["Unrealised", "", function (p) { return signed(p.unrealised_pnl); }, function (p) { return side(p.unrealised_pnl); }],
    ], "No positions.");
    table("orders", s.orders, [
      ["Symbol", "words", function (o) { return o.symbol; }],
      ["Side", "words", function (o) { return o.side; }],
      ["Type", "words", function (o) { return o.type; }],
      ["State", "words", function (o) { return o.state; }, function (o) { return o.state === "unknown" ? "alarm" : ""; }],
      ["Quantity", "", function (o) { return quantity(o.qty); }],
      ["Filled", "", function (o) { return quantity(o.filled_qty); }],
      ["Price", "", function (o) { return price(o.price); }],
      ["Age", "", function (o) { return lasted(o.age_s); }],
      ["Name", "words mono", function (o) { return o.client_order_id; }],
    ], "No open orders.");
    table("decisions", s.decisions, [
      ["Time", "words", function (d) { return clock(d.ts_ms); }],
      ["Symbol", "words", function (d) { return d.symbol; }],
      ["Weight", "", function (d) { return percent(d.weight); }],
      ["What became of it", "what", function (d) { return d.what; }],
    ], "No decision yet.");
  }

  function drawRisk(s) {
    var limits = Object.keys(s.risk_used).map(function (key) {
      var part = s.risk_used[key], box = make("div", undefined, "limit"), track = make("div", undefined, "track");
      var used = make("div", undefined, "used" + (part >= 1 ? " full" : part >= 0.75 ? " near" : ""));
      used.style.width = 100 * Math.min(1, Math.max(0, part || 0)) + "%";
      track.append(used);
      box.append(make("span", key, "name mono"), make("span", part === null ? MISSING : number(part * 100, 0, 0) + "%"), track);
      return box;
    });
    fill("risk", limits.length ? limits : [make("p", "Nothing is measured yet.", "empty")]);
  }

  function drawMachine(s) {
    function latency(of) { return of.n ? [ms(of.p50_ms), ms(of.p90_ms), ms(of.p99_ms)].join(" / ") : MISSING; }
    var rows = [
      ["Submit, p50 / p90 / p99", latency(s.submit_latency)],
      ["Decide, p50 / p90 / p99", latency(s.decide_latency)],
      ["Decisions", number(s.n_decisions)],
      ["Orders sent, filled whole", number(s.n_orders_sent) + ", " + percent(s.fill_rate)],
      ["Orders rejected, denied by us", number(s.n_orders_rejected) + ", " + number(s.n_denied)],
      ["Orders unknown", number(s.n_orders_unknown), s.n_orders_unknown ? "alarm" : ""],
      ["Fills", number(s.n_fills)],
      ["Orders and cancels asked, failed", number(s.n_requests) + ", " + percent(s.error_rate)],
      ["Streams lost", number(s.n_stream_drops)],
      ["Messages not taken", number(s.n_bad_messages)],
      ["Clock against the venue's", ms(s.clock_offset_ms)],
      ["Loop silent for", lasted(s.loop_silence_s)],
    ];
    var whole = make("table"), body = make("tbody");
    rows.forEach(function (row) {
      var line = make("tr"), head = make("th", row[0], "words");
      head.scope = "row";
      line.append(head, make("td", row[1], row[2]));
      body.append(line);
    });
    whole.append(body);
    fill("machine", [whole]);
  }

  function drawBanner(title, reasons) {
    var list = make("ul");
    reasons.forEach(function (reason) { list.append(make("li", reason)); });
    fill("banner", [make("p", title)].concat(reasons.length ? [list] : []));
    at("banner").hidden = false;
  }

  function draw(s) {
    document.body.classList.remove("stale");
    if (s.healthy) { at("banner").hidden = true; } else { drawBanner("Not healthy", s.unhealthy_reasons); }
    if (s.run_id === undefined) { return; }
    drawHead(s);
    drawTiles(s);
    drawTables(s);
    drawRisk(s);
    drawMachine(s);
    at("main").hidden = false;
  }

  function drawSilence() {
    document.body.classList.add("stale");
    var since = heard === null ? "" : " since " + clock(heard);
    drawBanner("No answer from the run" + since, ["It may have ended, or this machine cannot reach it. What is shown below is old."]);
  }

  function ask() {
    var impatience = new AbortController();
    var timer = setTimeout(function () { impatience.abort(); }, PATIENCE_MS);
    fetch("/status", { signal: impatience.signal, cache: "no-store" })
      .then(function (answer) {
        if (!answer.ok) { throw new Error(String(answer.status)); }
        return answer.json();
      })
      .then(function (s) { heard = Date.now(); draw(s); document.documentElement.dataset.drawn = "yes"; })
      .catch(drawSilence)
      .finally(function () { clearTimeout(timer); setTimeout(ask, EVERY_MS); });
  }
  ask();
})();
