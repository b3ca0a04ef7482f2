"use strict";

const UPDATE_MS = 2000;
const LOSSES = ["total", "policy", "value", "ownership", "margin"];
const byId = (id) => document.getElementById(id);

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function svg(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const whole = (x) => (x ?? 0).toLocaleString("en", { maximumFractionDigits: 0 });
const decimal = (x) => (x ?? 0).toLocaleString("en", { maximumFractionDigits: 1 });

function duration(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${decimal(seconds / 3600)} h`;
}

function showFigures(status) {
  const evaluations = status.workers.reduce((sum, w) => sum + (w.seconds ? w.evaluations / w.seconds : 0), 0);
  const figures = [
    ["checkpoint", status.checkpoint ?? "–"],
    ["examples/s", decimal(status.examples.per_second)],
    ["examples trained on", whole(status.examples.trained)],
    ["examples waiting", whole(status.journal.waiting)],
    ["workers", status.workers.length],
    ["evaluations/s", whole(evaluations)],
    ["simulations a move", status.settings ? status.settings.search.simulations : "–"],
  ];
  byId("figures").replaceChildren(...figures.map(([name, figure]) => {
    const pair = element("div");
    pair.append(element("dt", name), element("dd", figure));
    return pair;
  }));
}

function showBars(status) {
  const { open_batch: open, minibatch_size: size, sealed_batches: sealed } = status.journal;
  byId("filling").value = Math.min(1, open / size);
  byId("filling-text").textContent =
    `${whole(open)} of ${whole(size)} examples` + (sealed ? `, full ones waiting or in training: ${sealed}` : "");
  const { activity, progress } = status.training;
  byId("training").value = progress ? progress.step / progress.steps : 0;
  byId("training-text").textContent =
    progress ? `step ${progress.step} of ${progress.steps}, loss ${decimal3(progress.loss)}` : activity;
}

const decimal3 = (x) => (x === null ? "–" : x.toFixed(3));

function showProblems(problems) {
  byId("problems").hidden = problems.length === 0;
  byId("problems").replaceChildren(...problems.map((text) => element("p", text)));
}

function showWorkers(workers) {
  byId("workers").replaceChildren(...workers.map((w) => {
    const row = element("tr");
    const cells = [
      w.worker, w.version, w.checkpoint === null ? "–" : `checkpoint ${w.checkpoint}`, w.device, whole(w.games),
      whole(w.seconds ? w.evaluations / w.seconds : 0), whole(w.examples), whole(w.pending),
      `${duration(w.last_seen_seconds)} ago`,
    ];
    row.append(...cells.map((text) => element("td", text)));
    return row;
  }));
  if (workers.length === 0) {
    const row = element("tr");
    row.append(element("td", "No worker was heard of in the last half minute.", { colspan: 9 }));
    byId("workers").append(row);
  }
}

// Width, height and margins of a chart, in its own units.
const W = 320, H = 190, LEFT = 44, RIGHT = 8, TOP = 8, BOTTOM = 22;

/** Draws lines of points [examples, value], and a band of [examples, low, high]. */
function drawChart(label, format, lines, band = []) {
  const values = [...Object.values(lines).flat().map((p) => p[1]), ...band.flatMap((p) => p.slice(1))];
  const low = Math.min(...values), high = Math.max(...values), span = high - low || 1;
  const last = Math.max(...Object.values(lines).flat().map((p) => p[0])) || 1;
  const x = (examples) => LEFT + (W - LEFT - RIGHT) * (examples / last);
  const y = (value) => TOP + (H - TOP - BOTTOM) * ((high - value) / span);
  const path = (points) => points.map(([e, v], i) => `${i ? "L" : "M"}${x(e).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  const picture = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": label });
  for (const value of [low, (low + high) / 2, high]) {
    picture.append(svg("line", { x1: LEFT, x2: W - RIGHT, y1: y(value), y2: y(value) }));
    const text = svg("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" });
    text.textContent = format(value);
    picture.append(text);
  }
  const axis = svg("text", { x: W - RIGHT, y: H - 5, "text-anchor": "end" });
  axis.textContent = `${whole(last)} examples`;
  picture.append(axis);
  if (band.length) {
    const edge = [...band.map(([e, l]) => [e, l]), ...band.map(([e, , h]) => [e, h]).reverse()];
    picture.append(svg("path", { class: "band", d: `${path(edge)}Z` }));
  }
  for (const [kind, line] of Object.entries(lines)) {
    const group = svg("g", { class: kind });
    group.append(svg("path", { d: path(line) }), ...line.slice(-1).map(([e, v]) => svg("circle", { cx: x(e), cy: y(v), r: 2 })));
    picture.append(group);
  }
  return picture;
}

function lossChart(name, checkpoints) {
  const points = (set) => checkpoints
    .filter((c) => c[set][name] !== undefined)
    .map((c) => [c.examples, c[set][name]]);
  const lines = { first: points("losses"), second: points("held_out_losses") };
  const newest = (line) => (line.length ? line[line.length - 1][1].toFixed(3) : "–");
  const caption = element("figcaption");
  caption.append(element("strong", name), element("span", `training ${newest(lines.first)}`, { class: "first" }),
    element("span", `held out ${newest(lines.second)}`, { class: "second" }));
  const figure = element("figure");
  figure.append(caption, drawChart(`${name} loss, newest ${newest(lines.first)}`, (v) => v.toPrecision(3), lines));
  return figure;
}

function showStrength(strength) {
  const rated = (strength?.checkpoints ?? []).filter((c) => c.examples !== null);
  byId("strength").hidden = rated.length === 0;
  if (rated.length === 0) return;
  const best = rated.reduce((a, b) => (b.value > a.value ? b : a));
  byId("strength-note").textContent =
    `Elo of checkpoints as ${strength.player}, with 95 % intervals; ${strength.anchor} has 0. ` +
    `Best: checkpoint ${best.number} with ${whole(best.value)}.`;
  byId("strength-chart").replaceChildren(drawChart(`Elo, best ${whole(best.value)}`, whole,
    { first: rated.map((c) => [c.examples, c.value]) }, rated.map((c) => [c.examples, c.low, c.high])));
}

function showCharts(checkpoints) {
  const trained = checkpoints.filter((c) => c.examples > 0 && c.losses.total !== undefined);
  byId("charts").replaceChildren(...(trained.length
    ? LOSSES.filter((name) => trained.some((c) => c.losses[name] !== undefined)).map((name) => lossChart(name, trained))
    : [element("p", "Nothing was trained yet.", { class: "note" })]));
}

let shown = null;

function show(status) {
  document.title = `${status.model_name} ${status.checkpoint ?? ""} – hexzctl train-server`;
  byId("model").textContent = status.model_name;
  byId("about").textContent =
    `hexzctl ${status.version}, checkpoints in ${status.store}, up for ${duration(status.uptime_seconds)}`;
  showFigures(status);
  showBars(status);
  showProblems(status.problems);
  showWorkers(status.workers);
  showStrength(status.strength);
  if (shown !== status.checkpoint) showCharts(status.checkpoints);
  shown = status.checkpoint;
}

async function update() {
  try {
    const answer = await fetch("status", { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    show(await answer.json());
  } catch (error) {
    showProblems([`No news from the server: ${error.message}`]);
  }
  setTimeout(update, UPDATE_MS);
}

byId("here").textContent = `${location.origin}/status`;
update();
