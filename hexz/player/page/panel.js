// The analysis beside the board: who is ahead, the course of the game, the preferred moves.

import { MISTAKE, chanceOf } from "./analysis.js";
import { svg } from "./board.js";
import { cellOf, isFlag, notation } from "./rules.js";

const byId = (id) => document.getElementById(id);
const TOP_MOVES = 5, LINE_MOVES = 10;
const SHOWN_SHARE = 0.01, NUMBERED_SHARE = 0.05;

export const percent = (share) => `${Math.round(100 * share)} %`;

function html(tag, attributes, ...children) {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
}

/** The moves of a reply, most visited first: [{action, visits, prior, chance}], shares 0 to 1. */
function movesOf(reply) {
  const total = Object.values(reply.visits).reduce((sum, n) => sum + n, 0) || 1;
  const actions = new Set([...Object.keys(reply.visits), ...Object.keys(reply.priors ?? {})]);
  return [...actions].map((action) => ({
    action: Number(action),
    visits: (reply.visits[action] ?? 0) / total,
    prior: reply.priors?.[action] ?? 0,
    chance: reply.visits[action] ? chanceOf(reply.q[action]) : null,
  })).sort((a, b) => b.visits - a.visits || b.prior - a.prior);
}

/** What the search thinks of one move: {visits, prior, chance}, or undefined. */
export const opinionOf = (reply, action) => movesOf(reply).find((move) => move.action === action);

/** What a choice of "On the board" draws, for BoardView.showOverlay. */
export function overlayOf(kind, reply, position) {
  if (!reply || kind === "none") return [];
  if (kind === "line") return lineOverlay(reply, position);
  const moves = movesOf(reply);
  if (kind === "chances") {
    return moves.filter(({ chance }) => chance !== null).map(({ action, chance }) => {
      return { action, share: Math.max(0.25, chance), text: Math.round(100 * chance) };
    }).reverse();
  }
  const share = kind === "visits" ? "visits" : "prior";
  return moves.filter((move) => move[share] >= SHOWN_SHARE).map((move) => {
    const text = move[share] >= NUMBERED_SHARE ? Math.round(100 * move[share]) : "";
    return { action: move.action, share: move[share], text };
  }).reverse();
}

function lineOverlay(reply, position) {
  const items = [];
  for (const action of reply.pv.slice(0, LINE_MOVES)) {
    if (!position.isLegal(action)) break;
    items.push({ action, share: 0.35, text: items.length + 1, className: `line p${position.turn}` });
    position = position.play(action);
  }
  return items;
}

export function drawPanel({ game, ply, analysis, problem }) {
  const position = game.positions[ply], reply = analysis.of(position);
  drawBar(analysis.chanceOfFirst(position));
  drawChart(game, ply, analysis);
  drawTop(reply, game.actions[ply]);
  byId("line").textContent = reply ? reply.pv.slice(0, LINE_MOVES).map(notation).join("  ") : "";
  byId("thinking").textContent = problem ? `${problem}.` : reply ? effort(reply)
    : position.isOver ? "The game is over." : "Thinking …";
}

function effort({ simulations, elapsed_ms: milliseconds }) {
  const seconds = milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
  return `${simulations.toLocaleString("en")} simulations in ${seconds}`;
}

function drawBar(chance) {
  const bar = document.querySelector(".bar");
  bar.classList.toggle("unknown", chance === null);
  const [first, second] = bar.children, share = chance ?? 0.5;
  first.style.width = `${100 * share}%`;
  first.textContent = share >= 0.15 ? percent(share) : "";
  second.textContent = share <= 0.85 ? percent(1 - share) : "";
  bar.setAttribute("aria-label", chance === null ? "Not known yet"
    : `Blue wins ${percent(share)}, Orange ${percent(1 - share)}`);
}

function drawChart(game, ply, analysis) {
  const chart = byId("chart");
  const x = (k) => (4 + (292 * k) / Math.max(1, game.length)).toFixed(1);
  const y = (chance) => (86 - 82 * chance).toFixed(1);
  const points = game.positions.map((position, k) => [k, analysis.chanceOfFirst(position)])
    .filter(([, chance]) => chance !== null);
  const path = points.map(([k, chance]) => `${x(k)} ${y(chance)}`).join("L");
  chart.replaceChildren(svg("path", { class: "middle", d: "M0 45H300" }));
  if (points.length > 1) {
    const [from, to] = [x(points[0][0]), x(points.at(-1)[0])];
    chart.append(svg("path", { class: "area", d: `M${from} 90L${path}L${to} 90Z` }));
  }
  // A line of no length with round ends is a dot that is round at any width of the chart.
  if (points.length) chart.append(svg("path", { class: "course", d: `M${path}${points.length > 1 ? "" : "h0"}` }));
  for (const k of analysis.mistakes(game)) {
    const chance = analysis.chanceOfFirst(game.positions[k + 1]);
    chart.append(svg("path", { class: "mistake", d: `M${x(k + 1)} ${y(chance)}h0` }));
  }
  chart.append(svg("path", { class: "now", d: `M${x(ply)} 0V90` }));
  chart.setAttribute("aria-label", `Blue's chance to win over the game: ${points.length} positions known`);
}

function drawTop(reply, played) {
  const rows = (reply ? movesOf(reply).slice(0, TOP_MOVES) : []).map(({ action, visits, prior, chance }) => {
    const row = html("tr", { className: action === played ? "played" : "" },
      html("th", { scope: "row" }, notation(action)), html("td", {}, percent(visits)),
      html("td", {}, percent(prior)), html("td", {}, chance === null ? "–" : percent(chance)));
    row.dataset.cell = cellOf(action);
    row.style.setProperty("--share", `${100 * visits}%`);
    if (action === played) row.title = "This move was played";
    return row;
  });
  byId("top").tBodies[0].replaceChildren(...rows);
}

/** The list of moves, with the mistakes that are known; go(ply) is called on a click. */
export function drawMoves({ game, ply, analysis, showMistakes, go }) {
  const list = byId("moves");
  const mistakes = showMistakes ? analysis.mistakes(game) : [];
  list.replaceChildren(...game.actions.map((action, k) => {
    const player = game.positions[k].turn;
    const button = html("button", { type: "button", tabIndex: -1, onclick: () => go(k + 1) },
      html("span", { className: `hex p${player}` }), notation(action));
    button.setAttribute("aria-label", `Move ${k + 1}, ${player === 1 ? "Blue" : "Orange"}, `
      + `${isFlag(action) ? "flag " : ""}${notation(action).replace("F", "")}`);
    if (k + 1 === ply) button.setAttribute("aria-current", "step");
    if (mistakes.includes(k)) {
      const loss = percent(analysis.lossOf(game, k));
      button.classList.add("mistake");
      button.title = `A mistake: it lost ${loss} of the chance to win`;
      button.append(html("small", {}, `−${loss}`));
    }
    return html("li", {}, button);
  }));
  const current = list.querySelector("[aria-current]");
  if (current) list.scrollTop = current.parentElement.offsetTop - list.clientHeight / 2;
}

/** What the search for mistakes has found. */
export function summaryOfMistakes(game, analysis) {
  const mistakes = analysis.mistakes(game);
  const count = (player) => mistakes.filter((k) => game.positions[k].turn === player).length;
  return `Mistakes: Blue ${count(1)}, Orange ${count(2)}. A mistake loses ${percent(MISTAKE)} or more.`;
}
