// The metric against one parameter at a time.
const SLICES = 8;

chart("slices-chart", (host, width, item) => {
  const grid = el(host, "div", "slices");
  const columns = Math.max(1, Math.floor((width + 18) / 248));
  const each = Math.max(200, (width - 18 * (columns - 1)) / columns);
  const parts = data.order.slice(0, SLICES).map((p) => drawSlice(el(grid, "div"), p, each));
  item.point = (k) => parts.forEach((part) => part.point(k));
  item.choose = () => parts.forEach((part) => part.choose());
  if (params.length > SLICES) el(host, "p", "note", `The first ${SLICES} of ${params.length} parameters.`);
});

function drawSlice(host, p, width) {
  const param = params[p], axis = axisOf(p), height = 170, left = 44, bottom = height - 24, part = {};
  const title = el(host, "p");
  title.title = param.n;
  el(title, "span", "stem", param.n.slice(0, param.n.length - param.l.length));
  title.append(param.l);
  const node = canvas(host, width, height, `${data.metric} against ${param.n}`);
  const y = scale(range.low, range.high, bottom - 6, 8, range.kind);
  yAxis(node, y, y.ticks(4), left, width - 4);
  const x = (share) => left + 10 + share * (width - left - 24);
  svg(node, "line", { class: "axis", x1: left, x2: width - 4, y1: bottom, y2: bottom });
  sliceTicks(node, axis, param, x, bottom, width);
  const members = ranked.filter((k) => trials[k].v[p] != null);
  const spread = param.o ? 0.5 / param.o.length : 0;
  const shift = (k) => (((k * 0.618034) % 1) - 0.5) * spread;
  const at = (k) => [x(axis.at(trials[k].v[p]) + shift(k)), y.inside(trials[k].m)];
  const mark = marks(part, node, (layer, k) => {
    if (scored(trials[k]) && trials[k].v[p] != null) svg(layer, "circle", { cx: at(k)[0], cy: at(k)[1], r: 6 });
  });
  for (const k of [...members].reverse()) {
    const [cx, cy] = at(k);
    if (k === data.best) mark(k, svg(node, "path", { class: "star", d: star(cx, cy, 8) }));
    else mark(k, svg(node, "circle", { class: "dot", cx, cy, r: 3.2, fill: colour(trials[k].m) }));
  }
  follow(node, members, (k, px, py) => Math.hypot(at(k)[0] - px, at(k)[1] - py), 24);
  return part;
}

function sliceTicks(node, axis, param, x, bottom, width) {
  const room = param.o ? Math.floor((width - 60) / Math.max(1, axis.ticks.length) / 7) : 9;
  const step = param.o && room < 3 ? Math.ceil(axis.ticks.length / 6) : 1;
  axis.ticks.forEach(([share, text], k) => {
    if (k % step) return;
    svg(node, "text", { x: x(share), y: bottom + 16, "text-anchor": "middle" }, cut(text, Math.max(3, room * step)));
  });
}
