// Shows the examples of the page: each has its position, whole, and the moves that were thought of.

import { cellsOf, drawCell, drawSides, resultOf, transformOf } from "./board.js";
import { CELLS, COLOURS, cellOf, isFlag, notation, startContent } from "./cells.js";
import { Stepper, stepByKeys } from "./controls.js";
import { byId, find, html, svg } from "./dom.js";

/** @import { Content } from "./cells.js" */
/**
 * @typedef {[action: number, target: number, prior: number, visits: number]} Move
 * @typedef {{ number: number, player: number, cells: string, score: number[], flags: number[],
 *   action: number | null, moves: Move[], rootValue: number | null, networkValue: number | null,
 *   result: number, margin: number | null, simulations: number | null, fullSearch: boolean | null,
 *   checkpoint: number | null, surprise: number | null, hasPriors: boolean, hasVisits: boolean,
 *   turnKnown: boolean }} Position
 * @typedef {{ name: string, players: string[], length: number | null, positions: Position[],
 *   end: { cells: string, score: number[] } | null }} Game
 */

/** @type {{ title: string, analysis: string, bySurprise: boolean, games: Game[] }} analysis: the page to play on */
const { title, analysis, bySurprise, games } = JSON.parse(byId("data").textContent ?? "");
const HEAT_FROM = 0.005, STRONG_FROM = 0.5;
const MOST_SURPRISES = 200;

const targetBoard = find("#target > svg", SVGSVGElement);
const priorBoard = /** @type {SVGSVGElement} */ (targetBoard.cloneNode(true));
find("defs", SVGDefsElement, priorBoard).remove(); // the ids are those of the first
byId("prior").append(priorBoard);

let game = games[0], place = 0; // which position is shown

/** @param {number | null} action */
const moveName = (action) => (action === null ? "?" : notation(action));
/** @param {number} share */
const percentOf = (share) => (share === 0 ? "" : share < 0.0095 ? "< 1 %" : `${Math.round(100 * share)} %`);
/** @param {number} number @param {number} digits */
const signed = (number, digits) => {
  const text = Math.abs(number).toFixed(digits);
  return Number(text) === 0 ? text : `${number < 0 ? "−" : "+"}${text}`;
};
/** @param {number | null} number */
const nats = (number) => (number === null ? "" : number.toFixed(2));
/** The position that is shown; undefined behind the last one, at the end of the game. */
const shown = () => /** @type {Position | undefined} */ (game.positions[place]);

// --- The boards --------------------------------------------------------------------------------

/** What a letter says is on a cell. @param {string} letter @returns {Content} */
function contentOf(letter) {
  if (!/[a-f]/i.test(letter)) return startContent(letter);
  const owner = letter >= "a" ? 1 : 2, value = "fabcde".indexOf(letter.toLowerCase());
  return { kind: value ? "cell" : "flag", owner, value };
}

/** @param {Element} board @param {string} letters @param {number | null} lastCell */
function drawBoard(board, letters, lastCell) {
  const cells = cellsOf(board);
  CELLS.forEach((cell, i) => drawCell(groupOf(cells, cell), contentOf(letters[i])));
  find(".hz-marks", SVGGElement, board).replaceChildren();
  if (lastCell !== null) mark(board, "hz-last", lastCell);
}

/** @param {Map<number, Element>} cells @param {number} cell */
const groupOf = (cells, cell) => /** @type {Element} */ (cells.get(cell));

/** @param {Element} board @param {string} name @param {number} cell */
function mark(board, name, cell) {
  const element = /** @type {Element} */ (find("#hz-last", SVGPolygonElement).cloneNode());
  element.removeAttribute("id");
  element.setAttribute("class", name);
  element.setAttribute("transform", transformOf(groupOf(cellsOf(board), cell)));
  find(".hz-marks", SVGGElement, board).append(element);
}

/**
 * Colours the cells by the probability of the moves there.
 * @param {Element} board
 * @param {Position} position
 * @param {1 | 2} column which number of a move
 */
function drawHeat(board, position, column) {
  /** @type {Map<number, [number, number]>} */
  const shares = new Map();
  for (const move of position.moves) {
    const cell = cellOf(move[0]), [normal, flag] = shares.get(cell) ?? [0, 0];
    shares.set(cell, isFlag(move[0]) ? [normal, move[column]] : [move[column], flag]);
  }
  const cells = cellsOf(board), likely = [...shares].filter(([, [normal, flag]]) => normal + flag >= HEAT_FROM);
  find(".hz-heat", SVGGElement, board).replaceChildren(...likely.map(([cell, [normal, flag]]) => {
    const strength = Math.min(1, 0.12 + 0.88 * Math.sqrt(normal + flag));
    const lines = [];
    if (normal >= HEAT_FROM) lines.push(`${Math.round(100 * normal) || 1}`);
    if (flag >= HEAT_FROM) lines.push(`F${Math.round(100 * flag) || 1}`);
    return svg("g", { transform: transformOf(groupOf(cells, cell)), class: strength > STRONG_FROM ? "strong" : "" },
      svg("use", { href: "#hz-shape", "fill-opacity": strength.toFixed(2) }),
      ...lines.map((line, i) => svg("text", { y: 5 + 15 * (i - (lines.length - 1) / 2) }, line)));
  }));
  if (position.action !== null) mark(board, "hz-played", cellOf(position.action));
}

function drawBoards() {
  const position = shown(), before = game.positions[place - 1];
  const follows = before && (!position || before.number + 1 === position.number);
  const last = follows && before.action !== null ? cellOf(before.action) : null;
  for (const [board, column] of /** @type {const} */ ([[targetBoard, 1], [priorBoard, 2]])) {
    drawBoard(board, (position ?? game.end)?.cells ?? "", last);
    if (position) drawHeat(board, position, column);
    else find(".hz-heat", SVGGElement, board).replaceChildren();
  }
  byId("prior").classList.toggle("unknown", position !== undefined && !position.hasPriors);
}

// --- The panels --------------------------------------------------------------------------------

/** @param {Position | undefined} position */
function drawHeading(position) {
  const heading = find("#position h2", HTMLElement), what = byId("what");
  if (!position) {
    heading.replaceChildren("The end");
    what.textContent = outcome(game);
    return;
  }
  const { player } = position;
  heading.replaceChildren(html("span", { className: `hex p${player}` }), `Move ${position.number + 1}: ${COLOURS[player]}`);
  const played = position.action === null ? "What was played is not known." : `Played ${notation(position.action)}.`;
  const search = position.fullSearch === false ? " A fast search, whose target is learned only as a reply." : "";
  const turn = position.turnKnown ? "" : " Whose turn it was is not recorded.";
  what.textContent = played + search + turn;
}

/** @param {Game} game */
function outcome({ end, length }) {
  if (!end) return "How the game ended is not recorded.";
  const [first, second] = end.score;
  const score = `${first} to ${second}`;
  const moves = length === null ? "" : ` after ${length} moves`;
  if (first === second) return `A draw at ${score}${moves}.`;
  return `${COLOURS[first > second ? 1 : 2]} wins ${score}${moves}.`;
}

/** @param {Position | undefined} position */
function drawValues(position) {
  /** @type {(string | number)[][]} */
  const rows = [];
  const add = (/** @type {string} */ name, /** @type {string | number | null} */ value) => {
    if (value !== null) rows.push([name, value]);
  };
  if (position) {
    const result = ["lost", "drawn", "won"][position.result + 1];
    const margin = position.margin === null ? "" : `, ${signed(position.margin, 0)}`;
    const chance = (/** @type {number | null} */ value) => {
      return value === null ? null : `${signed(value, 2)} (${Math.round(50 + 50 * value)} %)`;
    };
    add("Value, network", chance(position.networkValue));
    add("Value, search", chance(position.rootValue));
    add("Result for the mover", `${result}${margin}`);
    add("KL(target ‖ prior)", position.surprise === null ? null : `${nats(position.surprise)} nats`);
    add("Simulations", position.simulations);
    add("Checkpoint", position.checkpoint);
  }
  find("#values tbody", HTMLElement).replaceChildren(...rows.map((row) => tableRow(row)));
}

/** @param {(string | number)[]} texts @param {number[]} [shares] that the cells are coloured by */
function tableRow(texts, shares = []) {
  return html("tr", {}, ...texts.map((text, i) => {
    const cell = html("td", {}, text);
    if (shares[i]) cell.style.setProperty("--share", `${(100 * shares[i]).toFixed(1)}%`);
    return cell;
  }));
}

/** @param {Position | undefined} position */
function drawMoves(position) {
  const rows = (position?.moves ?? []).map(([action, target, prior, visits]) => {
    const texts = [notation(action), percentOf(target)];
    texts.push(position?.hasPriors ? percentOf(prior) : "", position?.hasVisits ? String(visits) : "");
    const row = tableRow(texts, [0, target, prior, 0]);
    if (action === position?.action) {
      row.className = "played";
      row.title = "This move was played";
    }
    return row;
  });
  find("#moves tbody", HTMLElement).replaceChildren(...rows);
}

function listPlies() {
  const greatest = Math.max(1, ...game.positions.map((position) => position.surprise ?? 0));
  /** @type {Element[]} */
  const items = [];
  let expected = 0;
  const note = (/** @type {number} */ from, /** @type {number} */ to) => {
    if (from >= to) return;
    const text = to - from === 1 ? `Move ${from + 1} is missing` : `Moves ${from + 1} to ${to} are missing`;
    items.push(html("li", { className: "gap" }, text));
  };
  game.positions.forEach((position, i) => {
    note(expected, position.number);
    expected = position.number + 1;
    const meter = html("span", { className: "meter" });
    meter.style.setProperty("--share", `${(100 * (position.surprise ?? 0)) / greatest}%`);
    const button = html("button", { type: "button", onclick: () => steps.go(i) },
      html("span", { className: "number" }, position.number + 1),
      html("span", { className: `hex p${position.player}` }),
      html("span", {}, moveName(position.action)), meter,
      html("span", { className: "amount" }, nats(position.surprise)));
    button.dataset.ply = String(i);
    items.push(html("li", {}, button));
  });
  note(expected, game.length ?? expected);
  byId("plies").replaceChildren(...items);
}

/** @param {Element} list @param {(button: HTMLButtonElement) => boolean} isCurrent */
function setCurrent(list, isCurrent) {
  for (const button of list.querySelectorAll("button")) {
    if (!isCurrent(button)) {
      button.removeAttribute("aria-current");
    } else if (!button.hasAttribute("aria-current")) {
      button.setAttribute("aria-current", "true");
      // Not scrollIntoView, which would scroll the page as well.
      const [inner, outer] = [button.getBoundingClientRect(), list.getBoundingClientRect()];
      if (inner.top < outer.top || inner.bottom > outer.bottom) list.scrollTop += inner.top - outer.top - outer.height / 2;
      if (inner.left < outer.left || inner.right > outer.right) list.scrollLeft += inner.left - outer.left;
    }
  }
}

// --- Moving around -----------------------------------------------------------------------------

const steps = new Stepper(() => ({ position: place, last: game.positions.length - (game.end ? 0 : 1) }), (number) => {
  place = number;
  const position = shown();
  const { score, flags } = position ?? { score: game.end?.score ?? [0, 0], flags: [0, 0] };
  drawSides({ names: game.players, score, flags, toMove: position?.player ?? 0 });
  drawBoards();
  drawHeading(position);
  drawValues(position);
  drawMoves(position);
  setCurrent(byId("plies"), ({ dataset }) => dataset.ply === String(place));
  markEntry();
});
stepByKeys();

/** A game can be analysed if all of its moves are here, from the start on. */
function linkToAnalysis() {
  const { positions } = game, moves = positions.map(({ action }) => (action === null ? "" : notation(action)));
  const isWhole = positions.length > 0 && positions.every(({ number }, i) => number === i);
  byId("analysis").hidden = !isWhole || moves.includes("");
  const fields = { board: positions[0]?.cells ?? "", blue: "person", orange: "person", moves: moves.join("-") };
  find("#analysis a", HTMLAnchorElement).href = `${analysis}#${new URLSearchParams(fields)}`;
}

/** @param {Game} chosen @param {number} number of a position */
function choose(chosen, number) {
  game = chosen;
  linkToAnalysis();
  listPlies();
  steps.go(number);
}

// --- The list on the left ----------------------------------------------------------------------

/**
 * @param {string} name
 * @param {string} detail
 * @param {Element} right
 * @param {{ gameNumber: number, number?: number }} leadsTo
 */
function entry(name, detail, right, { gameNumber, number }) {
  const button = html("button", { type: "button", title: games[gameNumber].name,
    onclick: () => choose(games[gameNumber], number ?? 0) },
  html("span", { className: "name" }, name), right, html("span", { className: "length" }, detail));
  button.dataset.game = String(gameNumber);
  if (number !== undefined) button.dataset.ply = String(number);
  return html("li", {}, button);
}

function gameEntries() {
  return games.map(({ name, end, length, positions: { length: count } }, i) => {
    const [first, second] = end?.score ?? [0, 0];
    const result = resultOf(end?.score ?? [], first > second ? 1 : first < second ? 2 : 0);
    const all = length === null || length === count;
    return entry(name, all ? `${count} moves` : `${count} of ${length} moves`, result, { gameNumber: i });
  });
}

function surpriseEntries() {
  const all = games.flatMap(({ positions }, gameNumber) => {
    return positions.map((position, number) => ({ position, place: { gameNumber, number } }));
  });
  const known = all.filter(({ position }) => position.surprise !== null);
  known.sort((a, b) => Number(b.position.surprise) - Number(a.position.surprise));
  return known.slice(0, MOST_SURPRISES).map(({ position: { number, player, action, surprise }, place }) => {
    const right = html("span", { className: "result" },
      html("span", { className: `hex p${player}` }), html("b", {}, moveName(action)));
    return entry(`${nats(surprise)} nats`, `move ${number + 1}`, right, place);
  });
}

/** @param {boolean} surprises */
function list(surprises) {
  byId("by-game").setAttribute("aria-selected", String(!surprises));
  byId("by-surprise").setAttribute("aria-selected", String(surprises));
  byId("entries").replaceChildren(...(surprises ? surpriseEntries() : gameEntries()));
  markEntry();
}

function markEntry() {
  const number = String(games.indexOf(game));
  setCurrent(byId("entries"), ({ dataset }) => dataset.game === number && (dataset.ply ?? String(place)) === String(place));
}

function summary() {
  const positions = games.reduce((sum, { positions }) => sum + positions.length, 0);
  const cut = games.filter(({ length, positions }) => length !== null && length !== positions.length).length;
  const count = games.length === 1 ? "1 game" : `${games.length} games`;
  const missing = cut === 0 ? "" : ` Moves are missing in ${cut === 1 ? "one of them" : `${cut} of them`}.`;
  return `${positions} positions of ${count}.${missing}`;
}

document.title = byId("title").textContent = title;
byId("summary").textContent = summary();
byId("by-game").addEventListener("click", () => list(false));
byId("by-surprise").addEventListener("click", () => list(true));
list(bySurprise);
const first = document.querySelector("#entries button");
if (bySurprise && first instanceof HTMLElement) first.click();
else choose(games[0], 0);
