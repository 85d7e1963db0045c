// Scales, ticks, axes, and the life of a chart: drawn once, drawn again when its width changes.
const charts = [];

function chart(id, draw) {
  const host = document.getElementById(id);
  if (!host) return;
  const item = { host, draw, width: 0, point: null, choose: null };
  charts.push(item);
  pointed.listeners.push((trial) => item.point && item.point(trial));
  chosen.listeners.push(() => item.choose && item.choose());
}

function drawChart(item) {
  item.width = item.host.clientWidth;
  item.point = item.choose = null;
  item.host.replaceChildren();
  try {
    item.draw(item.host, Math.max(280, item.width), item);
    item.host.dataset.drawn = "yes";
  } catch (error) {
    root.dataset.error = `${item.host.id}: ${error}`;
    el(item.host, "p", "empty", "This chart could not be drawn.");
    console.error(error);
  }
}

const warps = {
  log: Math.log,
  power2: Math.log,
  logit: (v) => Math.log(v) - Math.log1p(-v),
  linear: (v) => v,
};

function scale(low, high, from, to, kind = "linear") {
  const legal = kind === "logit" ? low > 0 && high < 1 : kind === "linear" || low > 0;
  const warp = legal ? warps[kind] || warps.linear : warps.linear;
  const start = warp(low), width = warp(high) - start;
  const at = (value) => from + (width ? (warp(value) - start) / width : 0.5) * (to - from);
  at.inside = (value) => at(Math.max(low, Math.min(high, value)));
  at.ticks = (count, whole) => ticks(low, high, count, legal ? kind : "linear", whole);
  return at;
}

function ticks(low, high, count, kind, whole) {
  if (!(high > low)) return [low];
  if (kind === "log" || kind === "power2") {
    const found = powers(low, high, count, kind === "log" ? 10 : 2);
    if (found.length > 1) return found;
  }
  let step = 10 ** Math.floor(Math.log10((high - low) / count));
  for (const factor of [2, 2.5, 2]) if ((high - low) / step > count * 1.4) step *= factor;
  if (whole) step = Math.max(1, Math.ceil(step));
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

function powers(low, high, count, base) {
  const first = Math.ceil(Math.log(low) / Math.log(base) - 1e-9), last = Math.floor(Math.log(high) / Math.log(base) + 1e-9);
  const found = [];
  const step = Math.max(1, Math.ceil((last - first + 1) / count));
  for (let k = first; k <= last; k += step) found.push(Number((base ** k).toPrecision(12)));
  if (base === 10 && found.length < 3) {
    const more = [1, 2, 5].flatMap((f) => [first - 1, first, last].map((k) => Number((f * 10 ** k).toPrecision(12))));
    return [...new Set(more)].filter((v) => v >= low && v <= high).sort((a, b) => a - b);
  }
  return found;
}

function canvas(host, width, height, label) {
  const node = svg(host, "svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
  node.setAttribute("aria-label", label || host.dataset.label || "");
  if (trials.length > 150) node.classList.add("many");
  return node;
}

function yAxis(node, at, values, left, right, title) {
  for (const value of values) {
    svg(node, "line", { class: "grid", x1: left, x2: right, y1: at(value), y2: at(value) });
    svg(node, "text", { x: left - 8, y: at(value) + 4, "text-anchor": "end" }, fmt(value, 4));
  }
  if (title) svg(node, "text", { class: "strong", x: 2, y: 12 }, cut(title, 40));
}

function xAxis(node, at, values, top, bottom, title, right, text = (v) => fmt(v, 4)) {
  svg(node, "line", { class: "axis", x1: at.from, x2: right, y1: bottom, y2: bottom });
  for (const value of values) {
    svg(node, "line", { class: "axis", x1: at(value), x2: at(value), y1: bottom, y2: bottom + 4 });
    svg(node, "text", { x: at(value), y: bottom + 17, "text-anchor": "middle" }, text(value));
  }
  if (title) svg(node, "text", { x: right, y: bottom + 34, "text-anchor": "end" }, title);
}

// Ticks that a clock has.
function timeTicks(high, count) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
  const step = steps.find((s) => high / s <= count) || 86400 * Math.ceil(high / 86400 / count);
  const found = [];
  for (let k = 0; k * step <= high; k++) found.push(k * step);
  return found;
}

const cross = (x, y, r) => `M${x - r} ${y - r}L${x + r} ${y + r}M${x - r} ${y + r}L${x + r} ${y - r}`;

function star(x, y, r) {
  let path = "";
  for (let k = 0; k < 10; k++) {
    const a = (Math.PI * k) / 5 - Math.PI / 2, s = k % 2 ? r * 0.45 : r;
    path += `${k ? "L" : "M"}${(x + s * Math.cos(a)).toFixed(1)} ${(y + s * Math.sin(a)).toFixed(1)}`;
  }
  return `${path}Z`;
}

// Points at the trial whose mark is nearest to the pointer. `distance(k, x, y)` is in pixels.
function follow(node, members, distance, reach) {
  node.addEventListener("pointermove", (event) => {
    const box = node.getBoundingClientRect();
    const x = ((event.clientX - box.left) * node.viewBox.baseVal.width) / box.width;
    const y = ((event.clientY - box.top) * node.viewBox.baseVal.height) / box.height;
    let best = null, least = reach;
    for (const k of members) {
      if (isOff(k)) continue;
      const d = distance(k, x, y);
      if (d < least) [best, least] = [k, d];
    }
    point(best, event);
  });
  node.addEventListener("pointerleave", () => point(null));
}

function toSegment(x, y, x1, y1, x2, y2) {
  const dx = x2 - x1, dy = y2 - y1, length = dx * dx + dy * dy;
  const t = length ? Math.max(0, Math.min(1, ((x - x1) * dx + (y - y1) * dy) / length)) : 0;
  return Math.hypot(x - x1 - t * dx, y - y1 - t * dy);
}

function toPath(points, x, y) {
  let least = Infinity;
  for (let k = 0; k < points.length; k++) {
    const [x1, y1] = points[Math.max(0, k - 1)], [x2, y2] = points[k];
    if (Math.min(x1, x2) - 20 <= x && x <= Math.max(x1, x2) + 20) least = Math.min(least, toSegment(x, y, x1, y1, x2, y2));
  }
  return least;
}

const asPath = (points) => points.map(([x, y], k) => `${k ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

// The line of a trial.
function trace(node, k, points) {
  const failed = trials[k].s === "failure";
  const name = `trace${failed ? " bad" : ""}${standOut.has(k) ? "" : " faint"}`;
  return svg(node, "path", { class: name, d: asPath(points), stroke: failed ? null : colour(trials[k].m) });
}

// Marks by trial, so that filtering can dim them; and the layer on top for the trial pointed at.
function marks(item, node, drawOver) {
  const byTrial = new Map();
  const over = () => node.querySelector(":scope > .over");
  item.choose = () => byTrial.forEach((nodes, k) => nodes.forEach((mark) => mark.classList.toggle("off", isOff(k))));
  item.point = (k) => {
    const layer = over() || svg(node, "g", { class: "over", "pointer-events": "none" });
    layer.replaceChildren();
    if (k != null) drawOver(layer, k);
  };
  return (k, mark) => {
    if (!byTrial.has(k)) byTrial.set(k, []);
    byTrial.get(k).push(mark);
    mark.classList.toggle("off", isOff(k));
    return mark;
  };
}
