// The analysis beside the board: who is ahead, the course of the game, the preferred moves.

import { chanceOf, mostOf, triesOf } from "./analysis.js";
import { drawBar, drawChart, percent } from "./board.js";
import { CELLS, COLOURS, cellOf, notation } from "./cells.js";
import { byId, find, html } from "./dom.js";
import { isAway, mistakeOf } from "./lesson.js";
import { pointsText } from "./words.js";
/** @import { Analysis } from "./analysis.js" */
/** @import { GameNode } from "./game.js" */
/** @import { Position } from "./rules.js" */
/** @import { Reply } from "./server.js" */
/** @import { State } from "./state.js" */
/** @import { Disc } from "./view.js" */

const GROUND_FROM = 0.08; // whose a cell will be is not known below
const TOP_MOVES = 5, LINE_MOVES = 10;
const SHOWN_SHARE = 0.01, NUMBERED_SHARE = 0.05;

/** The moves of a reply, most visited first, with shares and chances 0 to 1; of a solution those with the most points first. @param {Reply} reply */
function movesOf({ visits, q, priors, margins }) {
  const total = Object.values(visits).reduce((sum, n) => sum + n, 0) || 1;
  const actions = new Set([...Object.keys(visits), ...Object.keys(priors ?? {})]);
  return Array.from(actions, (action) => ({
    action: Number(action),
    visits: (visits[action] ?? 0) / total,
    prior: priors?.[action] ?? 0,
    chance: visits[action] ? chanceOf(q[action]) : null,
    margin: margins?.[action] ?? null,
  })).sort((a, b) => Number(b.margin) - Number(a.margin) || b.visits - a.visits || b.prior - a.prior);
}

/** @param {number} points */
const signed = (points) => `${points > 0 ? "+" : ""}${points}`.replace("-", "−");

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
  if (!reply || kind === "none" || kind === "ground") return [];
  if (kind === "line") return discsOf(reply.pv, position);
  const moves = movesOf(reply);
  if (reply.margins) {
    return moves.map(({ action, margin }) => {
      return { action, share: margin === moves[0].margin ? 0.6 : 0.15, text: signed(Number(margin)) };
    }).reverse();
  }
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

/** Whose the cells will be that nobody owns yet, -1 Orange to 1 Blue, where that can be said. @param {Reply | undefined} reply @param {Position} position */
export function groundOf(reply, position) {
  const ownership = reply?.outlook?.ownership ?? [];
  return new Map(CELLS.flatMap((cell) => {
    const { kind, owner } = position.cells[cell], isOpen = kind !== "rock" && !owner;
    return isOpen && Math.abs(ownership[cell] ?? 0) >= GROUND_FROM ? [[cell, ownership[cell]]] : [];
  }));
}

/** The moves of a line as numbered discs. @param {number[]} actions @param {Position} position @returns {Disc[]} */
function discsOf(actions, position) {
  const items = [];
  for (const action of actions.slice(0, LINE_MOVES)) {
    if (!position.isLegal(action)) break;
    items.push({ action, share: 0.35, text: items.length + 1, className: `line p${position.turn}` });
    position = position.play(action);
  }
  return items;
}

/** Both lines of a lesson, at the position before the mistake. @param {State} state @param {Analysis} analysis @returns {Disc[]} */
export function lessonOverlay({ lesson, shown }, analysis) {
  if (lesson?.phase !== "answer" || isAway(lesson, shown)) return [];
  const mistake = mistakeOf(lesson), { position } = lesson.start;
  if (lesson.line === "better") return discsOf(analysis.of(position)?.pv ?? [], position);
  return discsOf([mistake.action, ...(analysis.of(mistake.position)?.pv ?? [])], position);
}

/** @param {State} state @param {Analysis} analysis */
export function drawPanel({ game, shown, problem }, analysis) {
  const { position } = shown, reply = analysis.of(position), chance = analysis.chanceOfFirst(position);
  drawBar(chance);
  find(".bar", HTMLElement).setAttribute("aria-label", chance === null ? "Not known yet"
    : `Blue wins ${percent(chance)}, Orange ${percent(1 - chance)}`);
  byId("expected").textContent = expectation(position, reply, chance);
  const line = game.lineThrough(shown), { done, of } = analysis.progress(line);
  drawCourse(line, shown, analysis);
  drawTop(reply, line[shown.ply + 1]?.action);
  byId("preferred").classList.toggle("none", position.isOver);
  byId("line").textContent = reply ? reply.pv.slice(0, LINE_MOVES).map(notation).join("  ") : "";
  const progress = done < of ? `${done} of ${of} positions · ` : "";
  byId("thinking").textContent = problem ? problem.text
    : progress + (reply ? effort(reply) : position.isOver ? "The game is over." : "Thinking …");
}

/** By how many points somebody will win. @param {Position} position @param {Reply | undefined} reply @param {number | null} chance of Blue */
function expectation(position, reply, chance) {
  if (position.isOver) return `Result: ${leadText(position.score[0] - position.score[1])}`;
  const most = reply && mostOf(reply);
  if (typeof most === "number") return `Best play of both: ${leadText(position.turn === 1 ? most : -most)}`;
  if (!reply?.outlook) return "";
  const { margin } = reply.outlook;
  // The network judges both apart: whom it has behind in points may be the likelier winner.
  const contradicts = chance !== null && margin * (chance - 0.5) < 0;
  return `Expected result: ${contradicts ? "close" : leadText(margin)}`;
}

/** @param {number} margin of Blue */
function leadText(margin) {
  const points = Math.round(Math.abs(margin));
  return points ? `${COLOURS[margin > 0 ? 1 : 2]} by ${pointsText(points)}` : "level";
}

/** @param {Reply} reply */
function effort(reply) {
  return reply.margins ? "Solved exactly" : `${triesOf(reply).toLocaleString("en")} simulations`;
}

/** @param {GameNode[]} line @param {GameNode} shown @param {Analysis} analysis */
function drawCourse(line, shown, analysis) {
  /** @param {GameNode} node @returns {[number, number][]} */
  const pointAt = (node) => {
    const chance = analysis.chanceOfFirst(node.position);
    return chance === null ? [] : [[node.ply, chance]];
  };
  const points = line.flatMap(pointAt);
  const mistakes = analysis.mistakes(line).flatMap(pointAt);
  const turns = line.filter((node) => analysis.isTurningPoint(node)).flatMap(pointAt);
  drawChart({ length: line.length - 1, points, now: shown.ply, mistakes, turns });
  find("#chart", SVGSVGElement).setAttribute("aria-label",
    `Blue's chance to win over the game: ${points.length} positions known`);
}

/** @param {Reply | undefined} reply @param {number | undefined} played */
function drawTop(reply, played) {
  const rows = (reply ? movesOf(reply).slice(0, TOP_MOVES) : []).map(({ action, visits, prior, chance, margin }) => {
    const search = margin === null ? [percent(visits), percent(prior), chance === null ? "–" : percent(chance)] : ["–", "–", signed(margin)];
    const row = html("tr", { className: action === played ? "played" : "" },
      html("th", { scope: "row" }, notation(action)), ...search.map((text) => html("td", {}, text)));
    row.dataset.cell = String(cellOf(action));
    row.style.setProperty("--share", margin === null ? `${100 * visits}%` : "0%");
    if (action === played) row.title = "This move was played";
    return row;
  });
  find("#top th:last-child", HTMLElement).textContent = reply?.margins ? "Points" : "Wins";
  find("#top tbody", HTMLElement).replaceChildren(...rows);
}
