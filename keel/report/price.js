// The price chart: candles pooled to the width of the screen, single bars when zoomed in, with fills and trades.
var PIXELS_A_CANDLE = 5;
var MOST_MARKS = 700;
var MOST_LINES = 400;
var MOST_LARGE = 150;
var MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
var STEPS = [
  [MINUTE], [5 * MINUTE], [15 * MINUTE], [30 * MINUTE], [HOUR], [3 * HOUR], [6 * HOUR], [12 * HOUR], [DAY], [2 * DAY],
  [7 * DAY, null, 4 * DAY], [0, 1], [0, 2], [0, 3], [0, 6], [0, 12], [0, 24], [0, 60], [0, 120],
];
var loaded = {};

function loadPrice(i) {
  var price = data.prices[i];
  loaded[i] = loaded[i] || Promise.all([unpack(price.bars), unpack(price.fills), unpack(price.trades)])
    .then(function (tables) {
      var bars = candles(price, tables[0]);
      var fills = tables[1];
      var trades = tables[2];
      fills.x = Float64Array.from(fills.t, function (ts) { return placeOf(bars, ts); });
      trades.x0 = Float64Array.from(trades.opened, function (ts) { return placeOf(bars, ts); });
      trades.x1 = trades.x0.map(function (_, k) { return placeOf(bars, trades.opened[k] + trades.held[k]); });
      price.barCount = bars.n;
      price.bars = price.fills = price.trades = null; // half of the memory
      return { bars: bars, fills: fills, trades: trades };
    });
  return loaded[i];
}

function moment(ts) {
  var date = new Date(ts);
  var day = date.getUTCDate() + " " + MONTHS[date.getUTCMonth()] + " " + date.getUTCFullYear();
  return ts % DAY === 0 ? day : day + " " + date.toISOString().slice(11, 16);
}
function lasted(ms) {
  if (ms >= 2 * DAY) { return short(ms / DAY) + " days"; }
  return ms >= 2 * HOUR ? short(ms / HOUR) + " hours" : short(ms / MINUTE) + " minutes";
}
function short(number) { return number.toLocaleString("en", { maximumFractionDigits: 1 }); }
function exact(number, unit) {
  var places = Math.max(0, Math.min(12, Math.round(-Math.log10(unit))));
  return number.toLocaleString("en", { maximumFractionDigits: places });
}
function significant(number) { return number.toLocaleString("en", { maximumSignificantDigits: 3 }); }
function percent(part) { return (part * 100).toLocaleString("en", { maximumFractionDigits: 2, signDisplay: "exceptZero" }).replace("-", "−") + "%"; }
function money(amount) {
  return amount.toLocaleString("en", { maximumFractionDigits: 2, signDisplay: "exceptZero" }).replace("-", "−") + " " + escapeMarkup(data.currency);
}

// Ticks at round moments: the smallest step of STEPS that leaves at most `most` of them.
function dateTicks(bars, from, to, most) {
  var start = momentAt(bars, from);
  var end = momentAt(bars, to);
  var least = (bars.t[bars.n - 1] - bars.t[0]) / bars.n / 2; // no clock times under daily bars
  for (var s = 0; s < STEPS.length; s += 1) {
    if (STEPS[s][0] && STEPS[s][0] < least) { continue; }
    var found = boundaries(STEPS[s], start, end, most * 3).map(function (ts) {
      var at = firstAfter(bars.t, ts - 1);
      return { at: at, ts: bars.t[Math.min(at, bars.n - 1)] };
    }).filter(function (tick, i, all) {
      return tick.at < bars.n && tick.at >= from && tick.at <= to && (i === 0 || tick.at > all[i - 1].at);
    });
    if (found.length && found.length <= most) { return { vals: found.map(function (k) { return k.at; }), text: labels(found, STEPS[s]) }; }
  }
  return { vals: [from], text: [moment(start)] };
}
function boundaries(step, start, end, most) {
  var found = [];
  if (step[0]) {
    var offset = step[2] || 0;
    if ((end - start) / step[0] > most * 8) { return found; }
    for (var ts = Math.ceil((start - offset) / step[0]) * step[0] + offset; ts <= end; ts += step[0]) { found.push(ts); }
    return found;
  }
  var date = new Date(start);
  var month = date.getUTCFullYear() * 12 + date.getUTCMonth();
  for (var m = Math.ceil(month / step[1]) * step[1]; found.length <= most; m += step[1]) {
    var at = Date.UTC(Math.floor(m / 12), m % 12);
    if (at > end) { break; }
    if (at >= start) { found.push(at); }
  }
  return found;
}
function labels(ticks, step) {
  var before = null;
  return ticks.map(function (tick) {
    var date = new Date(tick.ts);
    var year = date.getUTCFullYear();
    var day = date.getUTCDate() + " " + MONTHS[date.getUTCMonth()];
    var clock = date.toISOString().slice(11, 16);
    var first = step[0] ? (step[0] < DAY ? clock : day) : step[1] >= 12 ? String(year) : MONTHS[date.getUTCMonth()];
    var wider = step[0] && step[0] < DAY ? day + " " + year : String(year);
    var text = wider === before || wider === first ? first : first + "<br>" + wider;
    before = wider;
    return text;
  });
}

function pool(bars, from, to, size) {
  var out = { x: [], open: [], high: [], low: [], close: [], volume: [], text: [] };
  for (var start = Math.floor(from / size) * size; start < to; start += size) {
    var end = Math.min(start + size, bars.n);
    var high = bars.high[start], low = bars.low[start], volume = 0;
    for (var k = start; k < end; k += 1) {
      if (bars.high[k] > high) { high = bars.high[k]; }
      if (bars.low[k] < low) { low = bars.low[k]; }
      volume += bars.volume[k];
    }
    out.x.push(start + size / 2);
    out.open.push(bars.open[start]);
    out.high.push(high);
    out.low.push(low);
    out.close.push(bars.close[end - 1]);
    out.volume.push(volume);
    out.text.push(candleText(bars, start, end, high, low, volume));
  }
  return out;
}
function candleText(bars, start, end, high, low, volume) {
  var span = moment(bars.t[start]) + (end - start > 1 ? " to " + moment(bars.t[end - 1] + bars.length[end - 1]) : "");
  var count = end - start > 1 ? " (" + (end - start) + " bars)" : "";
  return span + count + "<br>open " + exact(bars.open[start], bars.unit) + "  high " + exact(high, bars.unit) +
    "<br>low " + exact(low, bars.unit) + "  close " + exact(bars.close[end - 1], bars.unit) +
    "<br>volume " + significant(volume);
}

function tradeText(trades, k) {
  var what = (trades.side[k] ? "Long " : "Short ") + trades.qty[k].toLocaleString("en", { maximumSignificantDigits: 6 });
  var path = trades.entry[k].toLocaleString("en", { maximumSignificantDigits: 7 }) + " → " +
    trades.exit[k].toLocaleString("en", { maximumSignificantDigits: 7 });
  var over = trades.open[k] ? "still open, marked" : "closed by " + ender(trades.by[k]);
  return what + ": " + percent(trades.gain[k]) + " (" + money(trades.pnl[k]) + ")<br>" + moment(trades.opened[k]) +
    ", held " + lasted(trades.held[k]) + "<br>" + path + ", " + over;
}
function ender(code) {
  var name = data.exits[code].replace(/_/g, " ");
  return code < data.orderTypes ? "a " + name + " order" : name;
}
function tradeTraces(trades, from, to) {
  var seen = [];
  for (var k = 0; k < trades.n; k += 1) { if (trades.x0[k] <= to && trades.x1[k] >= from) { seen.push(k); } }
  var drawn = seen.slice().sort(function (a, b) { return Math.abs(trades.pnl[b]) - Math.abs(trades.pnl[a]); }).slice(0, MOST_LINES);
  var traces = [];
  [["Trade that gained", "gain", true], ["Trade that lost", "loss", false]].forEach(function (kind) {
    var own = drawn.filter(function (k) { return (trades.pnl[k] > 0) === kind[2]; });
    var x = [], y = [];
    own.forEach(function (k) { x.push(trades.x0[k], trades.x1[k], null); y.push(trades.entry[k], trades.exit[k], null); });
    traces.push({ type: "scatter", mode: "lines", x: x, y: y, name: kind[0], hoverinfo: "skip", legendgroup: kind[1],
      line: { color: colour(kind[1]), width: 2, dash: "dot" } });
    traces.push({ type: "scatter", mode: "markers", yaxis: "y2", showlegend: false, legendgroup: kind[1],
      x: own.map(function (k) { return trades.x1[k]; }), y: own.map(function (k) { return trades.gain[k]; }),
      text: own.map(function (k) { return tradeText(trades, k); }), hovertemplate: "%{text}<extra></extra>", name: kind[0],
      marker: { color: colour(kind[1]), size: 7, opacity: 0.85, symbol: "circle", line: { color: colour("bg"), width: 0.5 } } });
  });
  var gains = drawn.map(function (k) { return trades.gain[k]; }).concat(0);
  return { traces: traces, seen: seen.length, drawn: drawn.length, low: Math.min.apply(null, gains), high: Math.max.apply(null, gains) };
}
function fillTraces(fills, from, to) {
  var start = firstAfter(fills.x, from - 1e-9);
  var end = firstAfter(fills.x, to);
  var every = Math.max(1, Math.ceil((end - start) / MOST_MARKS));
  var rows = [];
  for (var k = start; k < end; k += every) { rows.push(k); }
  var traces = [[1, "Buy", "triangle-up", "gain"], [0, "Sell", "triangle-down", "loss"]].map(function (kind) {
    var own = rows.filter(function (k) { return fills.side[k] === kind[0]; });
    return {
      type: "scatter", mode: "markers", name: kind[1],
      x: own.map(function (k) { return fills.x[k]; }), y: own.map(function (k) { return fills.price[k]; }),
      text: own.map(function (k) { return fillText(fills, k, kind[1]); }), hovertemplate: "%{text}<extra></extra>",
      marker: { symbol: kind[2], color: colour(kind[3]), size: rows.length > MOST_LARGE ? 7 : 11, line: { color: colour("bg"), width: 1 } },
    };
  });
  return { traces: traces, seen: end - start, drawn: rows.length };
}
function fillText(fills, k, name) {
  return name + " " + fills.qty[k].toLocaleString("en", { maximumSignificantDigits: 6 }) + " at " +
    fills.price[k].toLocaleString("en", { maximumSignificantDigits: 9 }) + "<br>" + moment(fills.t[k]) + ", " +
    data.exits[fills.type[k]].replace(/_/g, " ") + " order, " + (fills.maker[k] ? "maker" : "taker");
}

function spanOf(bars) {
  if (!state.span) { return [0, bars.n]; }
  var from = placeOf(bars, state.span[0]);
  var to = placeOf(bars, state.span[1]);
  return to - from < 4 ? [Math.max(0, from - 2), Math.min(bars.n, to + 2)] : [from, to];
}
function drawPrice() {
  var chosen = state.instrument;
  var price = data.prices[chosen];
  if (!price || price.rows < 2) { return message("price", "The run ended before there were prices to draw."); }
  return loadPrice(chosen).then(function (all) {
    if (chosen !== state.instrument) { return null; }
    return Plotly.react("price", priceTraces(price, all), state.priceLayout, CONFIG).then(function () {
      listen("price", function (range) { setSpan([momentAt(all.bars, range[0]), momentAt(all.bars, range[1])]); });
    });
  });
}
function priceTraces(price, all) {
  var bars = all.bars;
  var span = spanOf(bars);
  var width = document.getElementById("price").clientWidth - 80;
  var size = Math.max(1, Math.ceil((span[1] - span[0]) / Math.max(40, width / PIXELS_A_CANDLE)));
  var margin = (span[1] - span[0]) / 2; // what a drag brings in before the chart is drawn again
  var from = Math.max(0, span[0] - margin);
  var to = Math.min(bars.n, span[1] + margin);
  var shown = pool(bars, from, to, size);
  var trades = tradeTraces(all.trades, span[0], span[1]);
  var fills = fillTraces(all.fills, span[0], span[1]);
  var rising = shown.close.map(function (close, i) { return close >= shown.open[i]; });
  state.priceLayout = priceLayout(price, bars, span, shown, size, width, trades);
  tellPrice(price, size, trades, fills);
  return [
    { type: "candlestick", x: shown.x, open: shown.open, high: shown.high, low: shown.low, close: shown.close,
      name: "Price", text: shown.text, hoverinfo: "text", showlegend: false, line: { width: 1 },
      increasing: { line: { color: colour("price") }, fillcolor: colour("bg") },
      decreasing: { line: { color: colour("price") }, fillcolor: colour("price") } },
    { type: "bar", x: shown.x, y: shown.volume, yaxis: "y3", name: "Volume", showlegend: false, hoverinfo: "skip",
      width: size * 0.8, marker: { color: rising.map(function (up) { return faded("price", up ? 0.35 : 0.65); }), line: { width: 0 } } },
  ].concat(trades.traces, fills.traces);
}
function priceLayout(price, bars, span, shown, size, width, trades) {
  var low = Infinity, high = -Infinity;
  shown.x.forEach(function (x, i) {
    if (x + size < span[0] || x - size > span[1]) { return; }
    low = Math.min(low, shown.low[i]);
    high = Math.max(high, shown.high[i]);
  });
  var room = (high - low || high * 0.01) * 0.05;
  var reach = (trades.high - trades.low || 0.01) * 0.15;
  var ticks = dateTicks(bars, span[0], span[1], Math.max(3, Math.floor(width / 100)));
  return layout({
    hovermode: "closest", hoverdistance: 12, bargap: 0, margin: { l: 8, r: 8, t: 44, b: 8 },
    xaxis: axis({ type: "linear", range: span, rangeslider: { visible: false }, showgrid: false, anchor: "y3",
      tickmode: "array", tickvals: ticks.vals, ticktext: ticks.text }),
    yaxis: axis({ domain: [0.2, 0.8], range: [low - room, high + room], fixedrange: true, title: named(escapeMarkup(price.symbol)) }),
    yaxis2: axis({ domain: [0.85, 1], fixedrange: true, tickformat: trades.high - trades.low < 0.1 ? ".1%" : ".0%", nticks: 4, range: [trades.low - reach, trades.high + reach],
      zeroline: true, zerolinecolor: colour("strong"), title: named("Trade") }),
    yaxis3: axis({ domain: [0, 0.14], fixedrange: true, nticks: 3, rangemode: "tozero", title: named("Volume") }),
  });
}
function tellPrice(price, size, trades, fills) {
  var note = size > 1 ? "Each candle pools " + whole(size) + " bars; zoom in for single ones. " : "Every candle is one bar. ";
  if (price.rows > price.barCount) { note += "The " + whole(price.rows) + " bars travel as " + whole(price.barCount) + ". "; }
  note += price.fill_count === 0 ? "Nothing was traded here." : fills.seen + trades.seen === 0 ? "No fill and no trade in view."
    : whole(fills.seen) + (fills.seen === 1 ? " fill" : " fills") + " and " + whole(trades.seen) + (trades.seen === 1 ? " trade" : " trades") + " in view" +
      (trades.drawn < trades.seen || fills.drawn < fills.seen
        ? "; drawn are " + whole(fills.drawn) + " fills and the " + whole(trades.drawn) + " trades that gained or lost most." : ", all drawn.");
  document.getElementById("price-note").textContent = note;
}

function stepTrade(step) {
  loadPrice(state.instrument).then(function (all) {
    var trades = all.trades;
    if (!trades.n) { return; }
    state.trade = state.trade === null ? (step > 0 ? 0 : trades.n - 1) : (state.trade + step + trades.n) % trades.n;
    var k = state.trade;
    var room = Math.max(20, (trades.x1[k] - trades.x0[k]) * 0.75);
    document.getElementById("trade-note").innerHTML = "Trade " + whole(k + 1) + " of " + whole(trades.n) + ". " +
      tradeText(trades, k).replace(/<br>/g, "; ");
    setSpan([momentAt(all.bars, trades.x0[k] - room), momentAt(all.bars, trades.x1[k] + room)]);
  });
}
