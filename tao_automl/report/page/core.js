// What the charts share: the data, nodes, numbers, colours, and which trials are pointed at or filtered.
const data = JSON.parse(document.getElementById("data").textContent);
const { trials, params } = data;
const root = document.documentElement;
const tip = document.getElementById("tip");
const MISSING = "—";

function el(parent, name, className, text) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

function svg(parent, name, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) if (attributes[key] != null) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  parent.appendChild(node);
  return node;
}

function fmt(value, digits = 5) {
  if (value == null || !isFinite(value)) return MISSING;
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(digits - 2).replace(/\.?0+e/, "e").replace("e+", "e");
  return String(Number(value.toPrecision(digits)));
}

function duration(seconds) {
  if (seconds == null) return MISSING;
  for (const [size, name, part, partName] of [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]]) {
    if (seconds >= size) {
      const rest = Math.floor((seconds % size) / part);
      return `${Math.floor(seconds / size)} ${name}${rest ? ` ${rest} ${partName}` : ""}`;
    }
  }
  return `${Math.round(seconds)} s`;
}

function valueText(param, value) {
  if (value == null) return MISSING;
  return param.o ? param.o[value] : fmt(value);
}

const cut = (text, longest) => (text.length > longest ? `${text.slice(0, longest - 1)}…` : text);
// Both ends of a long name: the middle tells least.
function middle(text, longest) {
  if (text.length <= longest) return text;
  const tail = Math.max(1, Math.floor((longest - 1) / 2));
  return `${text.slice(0, longest - 1 - tail)}…${text.slice(-tail)}`;
}

// The least and the greatest number; spreading long lists into Math.min would overflow the stack.
function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) if (value != null) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return [low, high];
}

const cost = (value) => (data.maximize ? -value : value);
const scored = (trial) => trial.m != null && trial.s !== "failure";
const indices = trials.map((_, k) => k);
const ranked = indices.filter((k) => scored(trials[k])).sort((a, b) => cost(trials[a].m) - cost(trials[b].m));

// The range of the metric that charts show: bad outliers are cut off, decades get a logarithmic scale.
function metricRange(values) {
  const sorted = values.filter((v) => v != null).sort((a, b) => cost(a) - cost(b));
  const best = sorted[0], last = sorted[sorted.length - 1], lowest = Math.min(best, last);
  if (lowest > 0 && Math.max(best, last) / lowest > 100 && !data.maximize) return pad(best, last, "log", false);
  const most = sorted[Math.floor(0.75 * (sorted.length - 1))];
  const limit = most + 2 * (most - best);
  const clipped = sorted.length >= 8 && most !== best && cost(last) > cost(limit);
  return pad(best, clipped ? limit : last, "linear", clipped);
}

function pad(a, b, kind, clipped) {
  let low = Math.min(a, b), high = Math.max(a, b);
  if (kind === "log") return { low: low / 1.15, high: high * 1.15, kind, clipped, best: a, worst: b };
  const room = (high - low || Math.abs(high) || 1) * 0.05;
  return { low: low - room, high: high + room, kind, clipped, best: a, worst: b };
}

// Among many trials only the best few are drawn in full colour.
const standOut = new Set(trials.length > 150 ? ranked.slice(0, Math.ceil(ranked.length / 40)) : ranked);
const range = ranked.length ? metricRange(ranked.map((k) => trials[k].m)) : null;

// Ten classes of colour from the worst (q0) to the best (q9) metric.
function shade(value) {
  if (value == null || !range) return "q0";
  const warp = range.kind === "log" ? Math.log : (v) => v;
  const whole = warp(range.best) - warp(range.worst);
  const share = whole ? (warp(value) - warp(range.worst)) / whole : 1;
  return `q${Math.max(0, Math.min(9, Math.floor(share * 10)))}`;
}

const colour = (value) => `var(--${shade(value)})`;

// Pointing and filtering: every chart listens, so that a trial shows up everywhere at once.
const pointed = { trial: null, listeners: [] };
const chosen = { set: null, listeners: [] };

function point(trial, event) {
  if (trial !== pointed.trial) {
    pointed.trial = trial;
    for (const listener of pointed.listeners) listener(trial);
  }
  if (trial == null) tip.hidden = true;
  else if (event) showTip(trial, event);
}

function choose(set) {
  chosen.set = set;
  for (const listener of chosen.listeners) listener(set);
}

const isOff = (k) => chosen.set !== null && !chosen.set.has(k);

function showTip(k, event) {
  const trial = trials[k];
  tip.replaceChildren();
  el(tip, "b", "", `Trial ${trial.r}${k === data.best ? " ★" : ""} · ${trial.s}`);
  const line = (name, value) => {
    const row = el(tip, "div");
    el(row, "span", "", cut(name, 34));
    el(row, "span", "", cut(value, 34));
  };
  line(data.metric, fmt(trial.m));
  if (trial.b != null) line("budget", fmt(trial.b));
  for (const p of data.order.filter((p) => trial.v[p] != null).slice(0, 8)) line(middle(params[p].l, 30), valueText(params[p], trial.v[p]));
  if (trial.w) el(tip, "p", "", cut(trial.w, 160));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const x = event.clientX + 16 + box.width > innerWidth ? event.clientX - box.width - 12 : event.clientX + 16;
  const y = Math.min(event.clientY + 14, innerHeight - box.height - 8);
  tip.style.transform = `translate(${Math.max(4, x)}px, ${Math.max(4, y)}px)`;
}

function segments(parent, label, names, current, onChange) {
  const group = el(parent, "div", "segments");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", label);
  names.forEach((name, k) => {
    const button = el(group, "button", "", name);
    button.type = "button";
    button.setAttribute("aria-pressed", String(k === current));
    button.addEventListener("click", () => onChange(k));
  });
}

function legend(parent) {
  const host = el(parent, "span", "legend");
  el(host, "span", "", `${cut(data.metric, 24)}  ${fmt(range.worst, 3)}${range.clipped ? " or worse" : ""}`);
  const strip = svg(host, "svg", { width: 100, height: 10, "aria-hidden": "true" });
  for (let k = 0; k < 10; k++) svg(strip, "rect", { x: k * 10, width: 10, height: 10, fill: `var(--q${k})` });
  el(host, "span", "", fmt(range.best, 3));
}
