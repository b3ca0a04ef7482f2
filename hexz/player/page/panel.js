// The analysis beside the board: who is ahead, the course of the game, the preferred moves.

import { MISTAKE, chanceOf } from "./analysis.js";
import { drawBar, drawChart, percent } from "./board.js";
import { cellOf, isFlag, notation } from "./cells.js";
import { byId, find, html } from "./dom.js";
/** @import { Analysis } from "./analysis.js" */
/** @import { Game } from "./game.js" */
/** @import { Position } from "./rules.js" */
/** @import { Reply } from "./server.js" */
/** @import { Disc } from "./view.js" */

const TOP_MOVES = 5, LINE_MOVES = 10;
const SHOWN_SHARE = 0.01, NUMBERED_SHARE = 0.05;

/** The moves of a reply, most visited first, with shares and chances 0 to 1. @param {Reply} reply */
function movesOf(reply) {
  const total = Object.values(reply.visits).reduce((sum, n) => sum + n, 0) || 1;
  const actions = new Set([...Object.keys(reply.visits), ...Object.keys(reply.priors ?? {})]);
  return Array.from(actions, (action) => ({
    action: Number(action),
    visits: (reply.visits[action] ?? 0) / total,
    prior: reply.priors?.[action] ?? 0,
    chance: reply.visits[action] ? chanceOf(reply.q[action]) : null,
  })).sort((a, b) => b.visits - a.visits || b.prior - a.prior);
}

/** What the search thinks of one move, if anything. @param {Reply} reply @param {number} action */
export const opinionOf = (reply, action) => movesOf(reply).find((move) => move.action === action);

/**
 * What a choice of "On the board" draws.
 * @param {string} kind
 * @param {Reply | undefined} reply
 * @param {Position} position
 * @returns {Disc[]}
 */
export function overlayOf(kind, reply, position) {
  if (!reply || kind === "none") return [];
  if (kind === "line") return lineOverlay(reply, position);
  const moves = movesOf(reply);
  if (kind === "chances") {
    return moves.flatMap(({ action, chance }) => {
      return chance === null ? [] : [{ action, share: Math.max(0.25, chance), text: Math.round(100 * chance) }];
    }).reverse();
  }
  const share = kind === "visits" ? "visits" : "prior";
  return moves.filter((move) => move[share] >= SHOWN_SHARE).map((move) => {
    const text = move[share] >= NUMBERED_SHARE ? Math.round(100 * move[share]) : "";
    return { action: move.action, share: move[share], text };
  }).reverse();
}

/** @param {Reply} reply @param {Position} position */
function lineOverlay(reply, position) {
  const items = [];
  for (const action of reply.pv.slice(0, LINE_MOVES)) {
    if (!position.isLegal(action)) break;
    items.push({ action, share: 0.35, text: items.length + 1, className: `line p${position.turn}` });
    position = position.play(action);
  }
  return items;
}

/**
 * @typedef {{ game: Game, ply: number, analysis: Analysis }} Shown
 * @param {Shown & { problem: string | null }} shown
 */
export function drawPanel({ game, ply, analysis, problem }) {
  const position = game.positions[ply], reply = analysis.of(position);
  const chance = analysis.chanceOfFirst(position);
  drawBar(chance);
  find(".bar", HTMLElement).setAttribute("aria-label", chance === null ? "Not known yet"
    : `Blue wins ${percent(chance)}, Orange ${percent(1 - chance)}`);
  drawCourse(game, ply, analysis);
  drawTop(reply, game.actions[ply]);
  byId("line").textContent = reply ? reply.pv.slice(0, LINE_MOVES).map(notation).join("  ") : "";
  byId("thinking").textContent = problem ? `${problem}.` : reply ? effort(reply)
    : position.isOver ? "The game is over." : "Thinking …";
}

/** @param {Reply} reply */
function effort({ simulations, elapsed_ms: milliseconds }) {
  const seconds = milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
  return `${simulations.toLocaleString("en")} simulations in ${seconds}`;
}

/** @param {Game} game @param {number} ply @param {Analysis} analysis */
function drawCourse(game, ply, analysis) {
  /** @param {number} k @returns {[number, number][]} */
  const pointAt = (k) => {
    const chance = analysis.chanceOfFirst(game.positions[k]);
    return chance === null ? [] : [[k, chance]];
  };
  const points = game.positions.flatMap((_, k) => pointAt(k));
  const mistakes = analysis.mistakes(game).flatMap((k) => pointAt(k + 1));
  drawChart({ length: game.length, points, now: ply, mistakes });
  find("#chart", SVGSVGElement).setAttribute("aria-label",
    `Blue's chance to win over the game: ${points.length} positions known`);
}

/** @param {Reply | undefined} reply @param {number | undefined} played */
function drawTop(reply, played) {
  const rows = (reply ? movesOf(reply).slice(0, TOP_MOVES) : []).map(({ action, visits, prior, chance }) => {
    const row = html("tr", { className: action === played ? "played" : "" },
      html("th", { scope: "row" }, notation(action)), html("td", {}, percent(visits)),
      html("td", {}, percent(prior)), html("td", {}, chance === null ? "–" : percent(chance)));
    row.dataset.cell = String(cellOf(action));
    row.style.setProperty("--share", `${100 * visits}%`);
    if (action === played) row.title = "This move was played";
    return row;
  });
  find("#top tbody", HTMLElement).replaceChildren(...rows);
}

/**
 * The list of moves, with the mistakes that are known.
 * @param {Shown & { showMistakes: boolean, go: (ply: number) => void }} shown go: called on a click
 */
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
      const loss = percent(analysis.lossOf(game, k) ?? 0);
      button.classList.add("mistake");
      button.title = `A mistake: it lost ${loss} of the chance to win`;
      button.append(html("small", {}, `−${loss}`));
    }
    return html("li", {}, button);
  }));
  const current = list.children[ply - 1];
  if (current instanceof HTMLElement) list.scrollTop = current.offsetTop - list.clientHeight / 2;
}

/** What the search for mistakes has found. @param {Game} game @param {Analysis} analysis */
export function summaryOfMistakes(game, analysis) {
  const mistakes = analysis.mistakes(game);
  const count = (/** @type {number} */ player) => mistakes.filter((k) => game.positions[k].turn === player).length;
  return `Mistakes: Blue ${count(1)}, Orange ${count(2)}. A mistake loses ${percent(MISTAKE)} or more.`;
}
