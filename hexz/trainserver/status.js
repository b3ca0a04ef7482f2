// Shows what /status says, every two seconds.

import { byId, find, html, svg } from "./dom.js";
import { watch } from "./watch.js";
/** @import { CheckpointStatus, LimitStatus, ServerStatus, StrengthStatus, WorkerConduct, WorkerStatus } from "../schema/status.js" */

const UPDATE_MS = 2000;

/** @param {number | null} x */
const whole = (x) => (x === null ? "–" : x.toLocaleString("en", { maximumFractionDigits: 0 }));
/** @param {number} x */
const decimal = (x) => x.toLocaleString("en", { maximumFractionDigits: 1 });

/** @param {number} seconds */
function duration(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${decimal(seconds / 3600)} h`;
}

/** @param {ServerStatus} status */
function showFigures(status) {
  const figures = [
    ["checkpoint", status.checkpoint ?? "–"],
    ["next one in about", status.next_checkpoint_seconds === null ? "–" : duration(status.next_checkpoint_seconds)],
    ["examples/s", decimal(status.examples.per_second)],
    ["examples trained on", whole(status.examples.trained)],
    ["examples waiting", whole(status.journal.waiting)],
    ["workers", status.workers.length],
    ["evaluations/s", whole(status.evaluations_per_second)],
    ["simulations a move", status.settings ? status.settings.search.simulations : "–"],
  ];
  byId("figures").replaceChildren(...figures.map(([name, figure]) => html("div", {}, html("dt", {}, name), html("dd", {}, figure))));
}

/** @param {ServerStatus} status */
function showBars(status) {
  const { open_batch: open, minibatch_size: size, sealed_batches: sealed } = status.journal;
  find("#filling", HTMLProgressElement).value = Math.min(1, open / size);
  byId("filling-text").textContent =
    `${whole(open)} of ${whole(size)} examples${sealed ? `, full ones waiting or in training: ${sealed}` : ""}`;
  const { activity, progress, unsaved } = status.training;
  find("#training", HTMLProgressElement).value = progress ? progress.step / progress.steps : 0;
  byId("training-text").textContent =
    (progress ? `step ${progress.step} of ${progress.steps}, loss ${decimal3(progress.loss)}` : activity) +
    (unsaved ? `, checkpoints that wait for the store: ${unsaved}` : "");
}

/** @param {number | null} x */
const decimal3 = (x) => (x === null ? "–" : x.toFixed(3));

/** @param {string[]} problems */
function showProblems(problems) {
  byId("problems").hidden = problems.length === 0;
  say("problems", ...problems.map((text) => html("p", {}, text)));
}

/** Writes what screen readers read out, and only if it is new. @param {string} id @param {...(Node | string)} content */
function say(id, ...content) {
  const element = byId(id), next = html("div", {}, ...content);
  if (element.textContent !== next.textContent) element.replaceChildren(...next.childNodes);
}

/** @param {LimitStatus | null} limit */
function showLimit(limit) {
  byId("limit").hidden = !limit;
  byId("limit").textContent = !limit ? "" : limit.part === "nothing" ? `No part limits the others: ${limit.text}.` : `The limit now: ${limit.text}.`;
}

/** @param {WorkerStatus[]} workers */
function showWorkers(workers) {
  byId("workers").replaceChildren(...workers.map((w) => {
    const cells = [
      w.worker, w.version, w.checkpoint === null ? "–" : `checkpoint ${w.checkpoint}`, w.device, whole(w.games),
      whole(w.evaluations_per_second), whole(w.examples), whole(w.pending),
      `${duration(w.last_seen_seconds)} ago`,
    ];
    return html("tr", {}, ...cells.map((text) => html("td", {}, text)));
  }));
  if (workers.length === 0) {
    const nobody = html("td", { colSpan: 9 }, "No worker was heard of in the last half minute.");
    byId("workers").append(html("tr", {}, nobody));
  }
}

const FIGURES = [...find("#conduct-names", HTMLTableRowElement).cells].flatMap((cell) => cell.dataset.figure ?? []);

/** @param {WorkerConduct[]} workers */
function showConduct(workers) {
  byId("conduct-section").hidden = workers.length === 0;
  byId("conduct").replaceChildren(...workers.map((w) => {
    const figures = FIGURES.map((name) => {
      const figure = w.figures[name];
      return figure ? `${figure.own.toFixed(2)} (${figure.fleet.toFixed(2)})` : "–";
    });
    const cells = [w.worker, w.state, whole(w.games), decimal(w.per_second), whole(w.set_aside), ...figures, w.reason ?? ""];
    return html("tr", { className: w.state }, ...cells.map((text) => html("td", {}, text)));
  }));
}

// Width, height and margins of a chart, in its own units.
const W = 320, H = 190, LEFT = 52, RIGHT = 8, TOP = 8, BOTTOM = 22;

/**
 * Draws lines of points over the examples.
 * @param {string} label
 * @param {(value: number) => string} format
 * @param {Record<string, [number, number][]>} lines points [examples, value] by class
 * @param {[number, number, number][]} band [examples, low, high]
 */
function lineChart(label, format, lines, band = []) {
  const values = [...Object.values(lines).flat().map((p) => p[1]), ...band.flatMap((p) => p.slice(1))];
  const low = Math.min(...values), high = Math.max(...values), span = high - low || 1;
  const last = Math.max(...Object.values(lines).flat().map((p) => p[0])) || 1;
  const x = (/** @type {number} */ examples) => LEFT + (W - LEFT - RIGHT) * (examples / last);
  const y = (/** @type {number} */ value) => TOP + (H - TOP - BOTTOM) * ((high - value) / span);
  const path = (/** @type {number[][]} */ points) => points.map(([e, v], i) => `${i ? "L" : "M"}${x(e).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  const picture = svg("svg", { class: "chart", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": label });
  for (const value of [low, (low + high) / 2, high]) {
    picture.append(svg("line", { x1: LEFT, x2: W - RIGHT, y1: y(value), y2: y(value) }));
    picture.append(svg("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, format(value)));
  }
  picture.append(svg("text", { x: W - RIGHT, y: H - 5, "text-anchor": "end" }, `${whole(last)} examples`));
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

/** @param {string} name @param {CheckpointStatus[]} checkpoints */
function lossChart(name, checkpoints) {
  /** @param {"losses" | "held_out_losses"} set @returns {[number, number][]} */
  const points = (set) => checkpoints.flatMap(({ examples, [set]: { [name]: loss } }) => {
    return examples === null || loss === undefined ? [] : [[examples, loss]];
  });
  const lines = { first: points("losses"), second: points("held_out_losses") };
  const newest = (/** @type {number[][]} */ line) => line.at(-1)?.[1].toFixed(3) ?? "–";
  const label = `${name} loss, newest ${newest(lines.first)}`;
  return html("figure", {},
    html("figcaption", {}, html("strong", {}, name),
      html("span", { className: "first" }, `training ${newest(lines.first)}`),
      html("span", { className: "second" }, `held out ${newest(lines.second)}`)),
    lineChart(label, (v) => v.toPrecision(3), lines));
}

/** @param {StrengthStatus | null} strength */
function showStrength(strength) {
  const rated = (strength?.checkpoints ?? []).filter((c) => c.examples !== null);
  byId("strength").hidden = rated.length === 0;
  if (!strength || rated.length === 0) return;
  const best = rated.reduce((a, b) => (b.value > a.value ? b : a));
  byId("strength-note").textContent =
    `Elo of checkpoints as ${strength.player}, with 95 % intervals; ${strength.anchor} has 0. ` +
    `Best: checkpoint ${best.number} with ${whole(best.value)}.`;
  byId("strength-chart").replaceChildren(lineChart(`Elo, best ${whole(best.value)}`, whole,
    { first: rated.map((c) => [Number(c.examples), c.value]) },
    rated.map((c) => [Number(c.examples), c.low, c.high])));
}

/** @param {CheckpointStatus[]} checkpoints */
function showCharts(checkpoints) {
  const trained = checkpoints.filter((c) => c.examples !== null && c.examples > 0 && c.losses.total !== undefined);
  const names = new Set(trained.flatMap((c) => Object.keys(c.losses)));
  byId("charts").replaceChildren(...(trained.length
    ? [...names].map((name) => lossChart(name, trained))
    : [html("p", { className: "note" }, "Nothing was trained yet.")]));
}

/** @type {number | null} the checkpoint of the charts */
let shown = null;

/** @param {ServerStatus} status */
function show(status) {
  document.title = `${status.model_name} ${status.checkpoint ?? ""} – hexzctl train-server`;
  byId("model").textContent = status.model_name;
  byId("about").textContent =
    `hexzctl ${status.version}, checkpoints in ${status.store}, up for ${duration(status.uptime_seconds)}`;
  say("now", status.now);
  byId("play").hidden = !status.can_play;
  byId("player").hidden = status.can_play;
  byId("player-command").textContent = `hexzctl serve-player --model ${status.store} --follow`;
  watch(status.game);
  showFigures(status);
  showBars(status);
  showProblems(status.problems);
  showLimit(status.limit);
  showWorkers(status.workers);
  showConduct(status.conduct);
  showStrength(status.strength);
  if (shown !== status.checkpoint) showCharts(status.checkpoints);
  shown = status.checkpoint;
}

async function update() {
  try {
    // Not into the cache, from where a browser that comes back would take it for the page.
    const answer = await fetch("status", { headers: { Accept: "application/json" }, cache: "no-store" });
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    show(await answer.json());
  } catch (error) {
    showProblems([`No news from the server: ${error instanceof Error ? error.message : error}`]);
  }
  setTimeout(update, UPDATE_MS);
}

byId("here").textContent = `${location.origin}/status`;
update();
