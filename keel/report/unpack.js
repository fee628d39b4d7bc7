// Reads what packing.py wrote: columns of numbers, gzipped, as base64.
function bytesOf(text) {
  var raw = atob(text);
  var bytes = new Uint8Array(raw.length);
  for (var i = 0; i < raw.length; i += 1) { bytes[i] = raw.charCodeAt(i); }
  return bytes;
}
function gunzipped(text) {
  var plain = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(plain);
}
function unpack(packed) {
  return gunzipped(packed.data).arrayBuffer().then(function (buffer) {
    var bytes = new Uint8Array(buffer);
    var place = 0;
    var table = { n: packed.n };
    Object.keys(packed.columns).forEach(function (name) {
      var head = packed.columns[name];
      var gaps = head.gaps ? bytes.subarray(place, place + packed.n) : null;
      place += head.gaps ? packed.n : 0;
      table[name] = column(bytes, place, head, packed.n, gaps);
      place += head.planes * packed.n;
    });
    return table;
  });
}
function column(bytes, place, head, n, gaps) {
  var values = new Float64Array(n);
  for (var plane = 0; plane < head.planes; plane += 1) {
    var weight = Math.pow(256, plane);
    var start = place + plane * n;
    for (var i = 0; i < n; i += 1) { values[i] += weight * bytes[start + i]; }
  }
  var sum = 0;
  for (var k = 0; k < n; k += 1) {
    var step = values[k];
    if (head.signed) { step = step % 2 ? -(step + 1) / 2 : step / 2; }
    if (head.wanders) { sum += step; step = sum; }
    values[k] = gaps && gaps[k] ? NaN : head.first + step * head.unit;
  }
  return values;
}
// A bar travels as the gap before it, its body and its wicks; volume as the upper half of a 32-bit float.
function candles(price, table) {
  var n = table.n;
  var bars = { n: n, t: table.t, length: table.length, unit: price.unit };
  ["open", "high", "low", "close", "volume"].forEach(function (name) { bars[name] = new Float64Array(n); });
  var bits = new Uint32Array(1);
  var float = new Float32Array(bits.buffer);
  var last = price.start;
  for (var i = 0; i < n; i += 1) {
    var open = last + table.gap[i];
    last = open + table.body[i];
    bars.open[i] = open * price.unit;
    bars.close[i] = last * price.unit;
    bars.high[i] = (Math.max(open, last) + table.above[i]) * price.unit;
    bars.low[i] = (Math.min(open, last) - table.below[i]) * price.unit;
    bits[0] = table.volume[i] * 65536;
    bars.volume[i] = float[0];
  }
  return bars;
}
function firstAfter(sorted, value) {
  var low = 0;
  var high = sorted.length;
  while (low < high) {
    var middle = (low + high) >> 1;
    if (sorted[middle] > value) { high = middle; } else { low = middle + 1; }
  }
  return low;
}
// The place of a moment on an axis that counts bars: bar i covers i to i + 1, and closed markets take no room.
function placeOf(bars, ts) {
  var i = firstAfter(bars.t, ts) - 1;
  return i < 0 ? 0 : i + Math.min(1, (ts - bars.t[i]) / (bars.length[i] || 1));
}
function momentAt(bars, place) {
  var i = Math.max(0, Math.min(bars.n - 1, Math.floor(place)));
  return bars.t[i] + Math.max(0, Math.min(1, place - i)) * bars.length[i];
}
// Rows between two places that draw the same picture at this many stretches: each one's extremes.
function thinnedRows(series, from, to, stretches) {
  var size = Math.ceil((to - from) / stretches);
  var rows = [];
  if (size <= 2) {
    for (var i = from; i < to; i += 1) { rows.push(i); }
    return rows;
  }
  for (var start = from; start < to; start += size) {
    var end = Math.min(start + size, to);
    var kept = {};
    kept[start] = true;
    series.forEach(function (values) {
      var low = start;
      var high = start;
      for (var k = start; k < end; k += 1) {
        if (values[k] < values[low]) { low = k; }
        if (values[k] > values[high]) { high = k; }
      }
      kept[low] = kept[high] = true;
    });
    Object.keys(kept).map(Number).sort(function (a, b) { return a - b; }).forEach(function (k) { rows.push(k); });
  }
  if (rows[rows.length - 1] !== to - 1) { rows.push(to - 1); }
  return rows;
}
function meansOf(t, values, from, to, stretches) {
  var size = Math.max(1, Math.ceil((to - from) / stretches));
  var means = { t: [], y: [] };
  for (var start = from; start < to; start += size) {
    var end = Math.min(start + size, to);
    var sum = 0;
    for (var k = start; k < end; k += 1) { sum += values[k]; }
    means.t.push(t[start]);
    means.y.push(sum / (end - start));
  }
  return means;
}
