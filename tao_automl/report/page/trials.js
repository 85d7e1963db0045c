// The table of trials: sorting, filtering, and a trial's whole configuration on demand.
const FIRST = 50;

function trialTable() {
  const table = document.getElementById("trial-table");
  if (!table) return;
  const body = table.tBodies[0], rows = [...body.rows];
  const state = { all: rows.length <= FIRST * 1.5, words: "", status: "" };
  const tools = trialTools(rows, state, () => show());
  const show = () => {
    let shown = 0, matching = 0;
    for (const row of rows) {
      const wanted = matches(row, state);
      matching += wanted;
      row.hidden = !wanted || (!state.all && shown >= FIRST);
      shown += !row.hidden;
      if (row.hidden) fold(row);
    }
    tools.more.hidden = shown >= matching;
    tools.more.textContent = `Show all ${matching}`;
    tools.count.textContent = matching < rows.length ? `${matching} of ${rows.length} trials` : `${rows.length} trials`;
  };
  sortable(table, rows, body, show);
  rows.forEach((row) => foldable(row));
  body.addEventListener("pointerover", (event) => {
    const row = event.target.closest("tr[data-t]");
    point(row ? Number(row.dataset.t) : null);
  });
  body.addEventListener("pointerleave", () => point(null));
  const byTrial = new Map(rows.map((row) => [Number(row.dataset.t), row]));
  let hot = null;
  pointed.listeners.push((k) => {
    if (hot) hot.classList.remove("hot");
    hot = byTrial.get(k);
    if (hot) hot.classList.add("hot");
  });
  chosen.listeners.push(show);
  show();
}

function matches(row, state) {
  if (isOff(Number(row.dataset.t))) return false;
  if (state.status && trials[row.dataset.t].s !== state.status) return false;
  return !state.words || row.textContent.toLowerCase().includes(state.words);
}

function trialTools(rows, state, show) {
  const tools = el(document.getElementById("trial-tools"), "div", "tools");
  const search = el(tools, "input");
  search.type = "search";
  search.placeholder = "Find";
  search.setAttribute("aria-label", "Find trials");
  search.addEventListener("input", () => {
    state.words = search.value.trim().toLowerCase();
    show();
  });
  const statuses = [...new Set(trials.map((t) => t.s))];
  if (statuses.length > 1) {
    const select = el(tools, "select");
    select.setAttribute("aria-label", "Status");
    for (const status of ["", ...statuses]) el(select, "option", "", status || "all statuses").value = status;
    select.addEventListener("change", () => {
      state.status = select.value;
      show();
    });
  }
  const count = el(tools, "span");
  const more = el(tools, "button", "plain");
  more.type = "button";
  more.addEventListener("click", () => {
    state.all = true;
    show();
  });
  return { count, more };
}

function sortable(table, rows, body, show) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = el(null, "button", "", head.textContent);
    button.type = "button";
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      rows.forEach(fold);
      rows.sort((a, b) => compare(a.cells[column], b.cells[column], up ? 1 : -1));
      body.append(...rows);
      show();
    });
  });
  if (range) heads[2].setAttribute("aria-sort", data.maximize ? "descending" : "ascending");
}

// Numbers by size, the rest by their text; what is missing comes last either way.
function compare(a, b, sign) {
  const x = a.dataset.v ?? a.textContent, y = b.dataset.v ?? b.textContent;
  const none = (v) => v === "" || v === MISSING;
  if (none(x) || none(y)) return none(x) - none(y);
  const both = a.dataset.v !== undefined && b.dataset.v !== undefined;
  return sign * (both ? Number(x) - Number(y) : x.localeCompare(y, undefined, { numeric: true }));
}

function foldable(row) {
  const head = row.cells[0], button = el(null, "button", "", head.textContent);
  button.type = "button";
  button.setAttribute("aria-expanded", "false");
  button.setAttribute("aria-label", `Configuration of trial ${trials[row.dataset.t].r}`);
  head.replaceChildren(button);
  button.addEventListener("click", () => (button.getAttribute("aria-expanded") === "true" ? fold(row) : unfold(row)));
}

function fold(row) {
  if (row.nextSibling && row.nextSibling.className === "detail") row.nextSibling.remove();
  const button = row.cells[0].firstChild;
  if (button && button.setAttribute) button.setAttribute("aria-expanded", "false");
}

function unfold(row) {
  const trial = trials[row.dataset.t], detail = document.createElement("tr");
  detail.className = "detail";
  const cell = el(detail, "td");
  cell.colSpan = row.cells.length;
  const why = [["Why", trial.w], ["Advice", trial.a], ["Log", trial.log], ["Job", trial.job], ["Parent", trial.p], ["Adjusted", (trial.adj || []).join("; ")]];
  const known = why.filter(([, text]) => text);
  if (known.length) {
    const list = el(cell, "dl", "why");
    for (const [name, text] of known) {
      el(list, "dt", "", name);
      el(list, "dd", "", text);
    }
  }
  const specs = el(cell, "div", "specs");
  params.forEach((param, p) => {
    if (trial.v[p] == null) return;
    const line = el(specs, "div");
    el(line, "span", "", param.n);
    el(line, trial.v[p] === param.d ? "span" : "b", "", valueText(param, trial.v[p]));
  });
  row.after(detail);
  row.cells[0].firstChild.setAttribute("aria-expanded", "true");
}
