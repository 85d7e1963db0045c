// Every trial and the best so far, along trials, time or units of training.
const PROGRESS = [["by trial", "trial"], ["by time", ""], [`by ${data.unit}s`, `${data.unit}s trained in all`]];
let progressMode = 0;

chart("progress-chart", (host, width, item) => {
  const tools = el(host, "div", "tools");
  const usable = PROGRESS.map((_, mode) => trials.some((t) => scored(t) && t.x[mode] != null));
  segments(tools, "Horizontal axis", PROGRESS.map(([name]) => name), progressMode, (mode) => {
    progressMode = mode;
    drawChart(item);
  });
  legend(tools);
  if (!usable[progressMode]) return void el(host, "p", "empty", "The history does not tell when trials ended.");
  drawProgress(host, width, item);
});

function drawProgress(host, width, item) {
  const mode = progressMode, height = width < 600 ? 300 : 360;
  const left = 58, right = width - 14, top = 24, failed = height - 58, bottom = height - 44;
  const place = (k) => trials[k].x[mode];
  const placed = indices.filter((k) => place(k) != null && (scored(trials[k]) || trials[k].s === "failure"));
  const most = Math.max(extent(placed.map(place))[1], mode ? 1 : data.total - 1);
  const x = scale(mode ? 0 : -0.5, mode ? most * 1.01 : most + 0.5, left, right);
  x.from = left;
  const y = scale(range.low, range.high, failed - 8, top, range.kind);
  const node = canvas(host, width, height);
  yAxis(node, y, y.ticks(6), left, right, data.metric);
  const atX = mode === 1 ? timeTicks(most, width / 110) : x.ticks(width / 80, true).filter((v) => v >= 0);
  xAxis(node, x, atX, top, bottom, PROGRESS[mode][1], right, mode === 1 ? duration : undefined);
  const reference = referenceLine(node, y, left, right);
  const at = (k) => [x(place(k)), scored(trials[k]) ? y.inside(trials[k].m) : failed + 4];
  const shown = new Set(placed);
  const mark = marks(item, node, (layer, k) => {
    if (shown.has(k)) svg(layer, "circle", { cx: at(k)[0], cy: at(k)[1], r: 8 });
  });
  drawDots(node, placed, at, mark);
  drawBestLine(node, placed, place, x, y, right);
  if (reference) svg(node, "text", { class: "haloed", x: right, y: reference - 6, "text-anchor": "end" }, "default configuration");
  follow(node, placed, (k, px, py) => Math.hypot(at(k)[0] - px, at(k)[1] - py), 40);
}

// The default configuration's own metric: measured like all others, so that it can be compared with them.
function referenceLine(node, y, left, right) {
  const first = trials.find((t) => t.o && scored(t));
  if (!first || first.m < range.low || first.m > range.high) return null;
  svg(node, "line", { class: "refer", x1: left, x2: right, y1: y(first.m), y2: y(first.m) });
  return y(first.m);
}

function drawDots(node, placed, at, mark) {
  const longest = Math.max(1, extent(trials.map((t) => t.b))[1]);
  const radius = (t) => 2.6 + (longest > 1 ? (2.6 * Math.log(Math.max(1, t.b || 1))) / Math.log(longest) : 1);
  for (const k of [...placed].sort((a, b) => cost(trials[b].m || 0) - cost(trials[a].m || 0))) {
    const [cx, cy] = at(k), trial = trials[k];
    if (!scored(trial)) mark(k, svg(node, "path", { class: "cross", d: cross(cx, cy, 3.2) }));
    else if (trial.s === "success") mark(k, svg(node, "circle", { class: "dot", cx, cy, r: radius(trial), fill: colour(trial.m) }));
    else mark(k, svg(node, "circle", { class: "dot open", cx, cy, r: radius(trial), stroke: colour(trial.m) }));
  }
}

function drawBestLine(node, placed, place, x, y, right) {
  const value = (k) => (k === data.best && data.bestValue != null ? data.bestValue : trials[k].m);
  const members = placed.filter((k) => (trials[k].s === "success" || k === data.best) && trials[k].m != null);
  let best = null, path = "";
  for (const k of members.sort((a, b) => place(a) - place(b))) {
    if (best !== null && cost(value(k)) >= cost(best)) continue;
    path += best === null ? `M${x(place(k)).toFixed(1)} ` : `H${x(place(k)).toFixed(1)}V`;
    best = value(k);
    path += y.inside(best).toFixed(1);
  }
  if (best === null) return;
  svg(node, "path", { class: "line", d: `${path}H${right}`, "pointer-events": "none" });
  if (data.best != null && place(data.best) != null) {
    svg(node, "path", { class: "star", d: star(x(place(data.best)), y.inside(value(data.best)), 9), "pointer-events": "none" });
  }
}
