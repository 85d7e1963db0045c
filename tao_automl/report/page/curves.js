// Learning curves: a line a trial, dots where it was promoted to a larger budget.
let curvesLog = null;

chart("curves-chart", (host, width, item) => {
  const members = indices.filter((k) => trials[k].c.length).sort((a, b) => rank(b) - rank(a));
  const points = new Map(members.map((k) => [k, pairs(trials[k].c)]));
  const all = members.flatMap((k) => points.get(k));
  const [first, last] = extent(all.map(([e]) => e));
  if (curvesLog === null) curvesLog = first > 0 && last / first >= 9 && data.rungs.length > 2;
  const tools = el(host, "div", "tools");
  segments(tools, `Scale of the ${data.unit}s`, ["linear", "logarithmic"], curvesLog ? 1 : 0, (k) => {
    curvesLog = k === 1;
    drawChart(item);
  });
  if (range) legend(tools);
  const height = width < 600 ? 300 : 380, left = 58, right = width - 20, bottom = height - 44;
  const kind = curvesLog && first > 0 ? "log" : "linear";
  const x = scale(first, Math.max(last, first + 1), left + 8, right - 6, kind);
  x.from = left;
  const domain = metricRange(all.map(([, v]) => v));
  const y = scale(domain.low, domain.high, bottom - 4, 24, domain.kind);
  const node = canvas(host, width, height);
  yAxis(node, y, y.ticks(6), left, right, data.metric);
  const rungs = data.rungs.filter((r) => r >= first && r <= last);
  const few = rungs.length > 1 && rungs.length < 9 && kind === "log";
  xAxis(node, x, few ? rungs : x.ticks(width / 90, true), 24, bottom, `${data.unit}s`, right);
  const lines = new Map(members.map((k) => [k, points.get(k).map(([e, v]) => [x(e), y.inside(v)])]));
  drawCurves(item, node, members, lines, points, x, y);
});

const ranks = new Map(ranked.map((k, place) => [k, place]));
const rank = (k) => ranks.get(k) ?? ranked.length;

function pairs(flat) {
  const found = [];
  for (let k = 0; k < flat.length; k += 2) found.push([flat[k], flat[k + 1]]);
  return found;
}

function drawCurves(item, node, members, lines, points, x, y) {
  const mark = marks(item, node, (layer, k) => {
    if (!lines.has(k)) return;
    svg(layer, "path", { class: "trace", d: asPath(lines.get(k)) });
    for (const [px, py] of lines.get(k).slice(-1)) svg(layer, "circle", { cx: px, cy: py, r: 5 });
  });
  for (const k of members) mark(k, trace(node, k, lines.get(k)));
  for (const k of members) drawEnds(node, k, points.get(k), x, y, mark);
  if (lines.has(data.best)) {
    const [px, py] = lines.get(data.best)[lines.get(data.best).length - 1];
    svg(node, "path", { class: "star", d: star(px, py, 9), "pointer-events": "none" });
  }
  follow(node, members, (k, px, py) => toPath(lines.get(k), px, py), 24);
}

function drawEnds(node, k, points, x, y, mark) {
  const trial = trials[k], [lastEpoch, lastValue] = points[points.length - 1];
  for (const [epoch, value] of points) {
    if (!data.rungs.includes(epoch) || epoch >= (trial.b ?? lastEpoch) || epoch === lastEpoch) continue;
    mark(k, svg(node, "circle", { class: "dot promoted", cx: x(epoch), cy: y.inside(value), r: 3.2, fill: colour(trial.m) }));
  }
  const cx = x(lastEpoch), cy = y.inside(lastValue);
  if (trial.s === "failure") mark(k, svg(node, "path", { class: "cross", d: cross(cx, cy, 3.4) }));
  else mark(k, svg(node, "circle", { class: "dot open", cx, cy, r: 3, stroke: colour(trial.m) }));
}
