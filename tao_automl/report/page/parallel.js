// Parallel coordinates. Dragging along an axis filters the trials on the whole page.
const NONE = -0.09; // where a parameter that is not active lies, below its axis
const brushes = new Map();
let shownAxes = null;

function axisOf(p) {
  const param = params[p], values = trials.map((t) => t.v[p]).filter((v) => v != null);
  if (param.o) {
    const at = (v) => (v + 0.5) / Math.max(1, param.o.length);
    return { p, name: param.l, title: param.n, at, ticks: param.o.map((o, k) => [at(k), o]) };
  }
  const [low, high] = extent([...values, param.lo, param.hi]);
  const at = scale(low, high, 0, 1, param.s);
  const text = (v) => [at(v), fmt(v, 3)];
  return { p, name: param.l, title: param.n, at, ticks: low <= high ? at.ticks(5, param.int).map(text) : [] };
}

function metricAxis() {
  const at = scale(range.low, range.high, data.maximize ? 0 : 1, data.maximize ? 1 : 0, range.kind);
  const ticks = at.ticks(6).map((v) => [at(v), fmt(v, 4)]);
  return { p: "m", name: data.metric, title: `${data.metric}, the better the higher up`, at: at.inside, ticks };
}

function fraction(axis, k) {
  const value = axis.p === "m" ? (scored(trials[k]) ? trials[k].m : null) : trials[k].v[axis.p];
  return value == null ? NONE : axis.at(value);
}

chart("parallel-chart", (host, width, item) => {
  const room = Math.max(5, Math.min(10, Math.floor((width - 60) / 100) - 1));
  const axes = (shownAxes || data.order.slice(0, room)).map(axisOf).concat(metricAxis());
  parallelTools(host, item, axes);
  const members = [...indices.filter((k) => !scored(trials[k]) && trials[k].s === "failure"), ...[...ranked].reverse()];
  const wide = Math.max(width, axes.length * 84);
  const scroller = el(host, "div", "scroll");
  const node = canvas(scroller, wide, 380, host.dataset.label);
  node.style.maxWidth = "none";
  const top = 44, bottom = 336, x = (a) => 40 + (a * (wide - 104)) / Math.max(1, axes.length - 1);
  const y = (share) => bottom - share * (bottom - top);
  const lines = new Map(members.map((k) => [k, axes.map((axis, a) => [x(a), y(fraction(axis, k))])]));
  const mark = marks(item, node, (layer, k) => {
    if (lines.has(k)) svg(layer, "path", { class: "trace", d: asPath(lines.get(k)) });
  });
  for (const k of members) mark(k, trace(node, k, lines.get(k)));
  const someMissing = axes.map((axis) => members.some((k) => fraction(axis, k) === NONE));
  const longest = Math.floor((x(1) - x(0)) / 8.2);
  axes.forEach((axis, a) => drawAxis(node, axis, x(a), y, [top, bottom], longest, someMissing[a]));
  follow(node, members, (k, px, py) => toPath(lines.get(k), px, py), 16);
  axes.forEach((axis, a) => brushable(node, axis, x(a), y, top, bottom, item));
  applyBrushes();
});

function parallelTools(host, item, axes) {
  const tools = el(host, "div", "tools");
  if (params.length > 1) axisChooser(tools, item, axes);
  const clear = el(tools, "button", "plain", "Clear filter");
  clear.type = "button";
  clear.hidden = !brushes.size;
  clear.addEventListener("click", () => {
    brushes.clear();
    drawChart(item);
  });
  item.kept = el(tools, "span");
  item.clear = clear;
  legend(tools);
}

function axisChooser(tools, item, axes) {
  const box = el(tools, "details", "choose");
  el(box, "summary", "", `Axes: ${axes.length - 1} of ${params.length}`);
  const list = el(box, "div");
  const shown = axes.map((axis) => axis.p).filter((p) => p !== "m");
  for (const p of data.order) {
    const label = el(list, "label");
    const input = el(label, "input");
    input.type = "checkbox";
    input.checked = shown.includes(p);
    label.append(` ${cut(params[p].n, 60)}`);
    input.addEventListener("change", () => {
      shownAxes = data.order.filter((q) => (q === p ? input.checked : shown.includes(q)));
      brushes.delete(p);
      drawChart(item);
      document.querySelector("#parallel-chart .choose").open = true;
    });
  }
}

function drawAxis(node, axis, x, y, [top, bottom], longest, missing) {
  svg(node, "line", { class: "axis", x1: x, x2: x, y1: top, y2: bottom, "stroke-width": 1.5 });
  const name = svg(node, "text", { class: "strong", x, y: 16, "text-anchor": "middle" }, middle(axis.name, Math.max(6, longest)));
  svg(name, "title", {}, axis.title);
  const step = Math.ceil(axis.ticks.length / 12);
  axis.ticks.forEach(([share, text], k) => {
    if (k % step) return;
    svg(node, "line", { class: "axis", x1: x, x2: x + 4, y1: y(share), y2: y(share) });
    svg(node, "text", { class: "haloed", x: x + 7, y: y(share) + 4 }, cut(text, 12));
  });
  if (missing) svg(node, "text", { class: "haloed", x, y: y(NONE) + 18, "text-anchor": "middle" }, axis.p === "m" ? "failed" : "not used");
}

function brushable(node, axis, x, y, top, bottom, item) {
  const grip = svg(node, "rect", { class: "grip", x: x - 13, y: top - 8, width: 26, height: bottom - top + 40 });
  svg(grip, "title", {}, `Drag to filter by ${axis.title}`);
  const shown = svg(node, "rect", { class: "brush", x: x - 8, width: 16, rx: 3 });
  const show = () => {
    const brush = brushes.get(axis.p);
    shown.setAttribute("visibility", brush ? "visible" : "hidden");
    if (!brush) return;
    shown.setAttribute("y", y(brush[1]));
    shown.setAttribute("height", Math.max(2, y(brush[0]) - y(brush[1])));
  };
  show();
  let start = null;
  const share = (event) => {
    const box = node.getBoundingClientRect();
    const py = ((event.clientY - box.top) * node.viewBox.baseVal.height) / box.height;
    return Math.max(NONE - 0.04, Math.min(1.03, (bottom - py) / (bottom - top)));
  };
  grip.addEventListener("pointerdown", (event) => {
    start = share(event);
    grip.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  grip.addEventListener("pointermove", (event) => {
    if (start === null) return;
    event.stopPropagation();
    const end = share(event);
    if (Math.abs(end - start) > 0.015) brushes.set(axis.p, [Math.min(start, end), Math.max(start, end)]);
    show();
    applyBrushes();
  });
  grip.addEventListener("pointerup", (event) => {
    if (start !== null && Math.abs(share(event) - start) <= 0.015) brushes.delete(axis.p);
    start = null;
    show();
    applyBrushes();
  });
}

function applyBrushes() {
  const item = charts.find((found) => found.host.id === "parallel-chart");
  const active = [...brushes].map(([p, brush]) => [p === "m" ? metricAxis() : axisOf(p), brush]);
  const inside = (k) => active.every(([axis, [low, high]]) => low <= fraction(axis, k) && fraction(axis, k) <= high);
  const set = active.length ? new Set(indices.filter(inside)) : null;
  item.clear.hidden = !set;
  item.kept.textContent = set ? `${set.size} of ${trials.length} trials` : "";
  if (set || chosen.set) choose(set);
}
