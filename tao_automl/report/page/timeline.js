// Which trial ran when, a row a slot.
chart("timeline-chart", (host, width, item) => {
  const bars = data.bars, slots = extent(bars.map((b) => b[3]))[1] + 1, end = Math.max(1, extent(bars.map((b) => b[2]))[1]);
  const lastStart = new Map(bars.map((b) => [b[0], b[1]]));
  const row = Math.max(5, Math.min(26, Math.floor(420 / slots))), left = 58, right = width - 14, top = 8;
  const bottom = top + slots * row + 4, x = scale(0, end, left, right);
  x.from = left;
  const node = canvas(host, width, bottom + 40);
  const y = (slot) => top + slot * row;
  for (const t of timeTicks(end, width / 110)) svg(node, "line", { class: "grid", x1: x(t), x2: x(t), y1: top, y2: bottom });
  xAxis(node, x, timeTicks(end, width / 110), top, bottom, "since the first start", right, duration);
  const step = Math.ceil(14 / row);
  for (let s = 0; s < slots; s += step) svg(node, "text", { x: left - 8, y: y(s) + row / 2 + 4, "text-anchor": "end" }, `slot ${s + 1}`);
  const box = ([, from, to, slot]) => ({ x: x(from), y: y(slot) + 1, width: Math.max(1.5, x(to) - x(from)), height: Math.max(2, row - 2) });
  const mark = marks(item, node, (layer, k) => bars.filter((b) => b[0] === k).forEach((b) => svg(layer, "rect", { ...box(b), rx: 3 })));
  for (const bar of bars) drawBar(node, bar, box(bar), row, bar[1] === lastStart.get(bar[0]), mark);
  node.addEventListener("pointermove", (event) => {
    const t = event.target.dataset && event.target.dataset.bar;
    point(t === undefined ? null : Number(t), event);
  });
  node.addEventListener("pointerleave", () => point(null));
});

function drawBar(node, bar, box, row, isLast, mark) {
  const [k, , , , open] = bar, trial = trials[k], failed = trial.s === "failure" && isLast;
  const fill = failed ? null : open ? "var(--live)" : colour(trial.m);
  mark(k, svg(node, "rect", { class: `bar${failed ? " bad" : ""}${open ? " open" : ""}`, rx: 3, fill, "data-bar": k, ...box }));
  if (row < 16 || box.width < 9 + 7 * trial.r.length) return;
  const strong = failed || open || Number(shade(trial.m)[1]) > 4;
  const middleOf = { x: box.x + box.width / 2, y: box.y + box.height / 2 + 4 };
  mark(k, svg(node, "text", { class: strong ? "inside" : "inside weak", "text-anchor": "middle", ...middleOf }, trial.r));
}
