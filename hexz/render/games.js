// Steps through the games of the page. Every move says which cells it changed, so the board after
// k moves is the start with the changes of the first k moves; the script knows no rules.

import {
  cellsOf, disc, drawBar, drawCell, drawChart, drawSides, percent, resultOf, shareOfClick, transformOf,
} from "./board.js";
import { CELLS, COLOURS, cellName, cellOf, isFlag, notation, startContent } from "./cells.js";
import { Stepper, stepByKeys } from "./controls.js";
import { byId, find, html, input, svg } from "./dom.js";

/**
 * @typedef {{ player: number, flag: boolean, action: number, cells: [number, number][],
 *   score: number[], flags: number[], value: number, top: [number, number][] }} Move
 *   cells: [index among the 105, value], the placed one first; value, top: in thousandths;
 *   forfeit: why the loser could not go on
 * @typedef {{ name: string, players: string[], start: string, over: boolean, winner: number,
 *   forfeit: string | null, moves: Move[] }} Game
 */

/** @type {{ title: string, analysis: string, games: Game[] }} analysis: the page to play on */
const { title, analysis, games } = JSON.parse(byId("data").textContent ?? "");
const SHOWN_SHARE = 0.01, NUMBERED_SHARE = 0.05;

const board = find(".game > svg", SVGSVGElement);
const cells = cellsOf(board);
const marks = find(".hz-marks", SVGGElement, board), heat = find(".hz-heat", SVGGElement, board);

let game = games[0], ply = 0; // moves shown

/** What player 1 can expect, 0 to 1, by the search of a move. @param {Move} move */
const shareOfFirst = ({ player, value }) => 0.5 + (player === 1 ? value : -value) / 2000;
/** @param {number} cell */
const groupOf = (cell) => /** @type {Element} */ (cells.get(cell));
/** The score and the flags left after so many moves. @param {Game} game @param {number} count */
const standing = ({ moves }, count) => moves[count - 1] ?? { score: [0, 0], flags: [3, 3] };

// --- The board ---------------------------------------------------------------------------------

/** @param {number} count of moves */
function contentsAfter(count) {
  const contents = Array.from(game.start, startContent);
  for (const { flag, player, cells: changed } of game.moves.slice(0, count)) {
    changed.forEach(([index, value], i) => {
      contents[index] = { kind: flag && i === 0 ? "flag" : "cell", owner: player, value };
    });
  }
  return contents;
}

function drawBoard() {
  contentsAfter(ply).forEach((content, i) => drawCell(groupOf(CELLS[i]), content));
  const changed = game.moves[ply - 1]?.cells ?? [];
  marks.replaceChildren(...changed.map(([index], i) => {
    const transform = transformOf(groupOf(CELLS[index]));
    return svg("use", { href: i === 0 ? "#hz-last" : "#hz-taken", transform });
  }));
}

function drawHeat() {
  const top = input("heat").checked ? game.moves[ply]?.top ?? [] : [];
  const shares = top.map(([action, permille]) => ({ action, share: permille / 1000 }));
  heat.replaceChildren(...shares.filter(({ share }) => share >= SHOWN_SHARE).map(({ action, share }) => {
    const text = share >= NUMBERED_SHARE ? Math.round(100 * share) : "";
    return disc(groupOf(cellOf(action)), { action, share, text });
  }));
}

function drawScores() {
  const { score, flags } = standing(game, ply);
  drawSides({ names: game.players, score, flags, toMove: game.moves[ply]?.player ?? 0 });
}

// --- The panel ---------------------------------------------------------------------------------

/** @param {Move} move */
function describe({ cells: [[index, value], ...taken], flag }) {
  const placed = `${flag ? "Flag" : `A ${value}`} on ${cellName(CELLS[index])}.`;
  return placed + (taken.length ? ` Captures grass: ${taken.map(([, v]) => v).join(", ")}.` : "");
}

function outcome() {
  if (!game.over) return "The game was not finished.";
  if (game.forfeit !== null) return `${COLOURS[game.winner]} wins, since ${COLOURS[3 - game.winner]} failed: ${game.forfeit}.`;
  const { score } = standing(game, game.moves.length);
  if (game.winner === 0) return `A draw at ${score[0]} points each.`;
  return `${COLOURS[game.winner]} wins by ${Math.abs(score[0] - score[1])}.`;
}

function drawMove() {
  const heading = find("#move h2", HTMLElement), text = find("#move p", HTMLElement);
  const move = game.moves[ply - 1], ending = ply === game.moves.length ? ` ${outcome()}` : "";
  if (!move) {
    heading.replaceChildren("The start");
    text.textContent = `Blue moves first.${ending}`;
    return;
  }
  const { player } = move;
  heading.replaceChildren(html("span", { className: `hex p${player}` }), `Move ${ply}: ${COLOURS[player]}`);
  text.textContent = describe(move) + ending;
}

function drawValue() {
  const move = game.moves[ply - 1];
  drawBar(move ? shareOfFirst(move) : null);
  drawChart({
    length: game.moves.length,
    points: game.moves.map((move, i) => [i + 1, shareOfFirst(move)]),
    now: ply,
  });
}

function drawChoices() {
  const move = game.moves[ply - 1];
  byId("top").replaceChildren(...(move ? move.top : []).map(([action, permille]) => {
    const played = action === move.action;
    const item = html("li", { className: played ? "played" : "", title: played ? "This move was played" : "" },
      html("span", {}, `${isFlag(action) ? "Flag" : "Value"} on ${cellName(cellOf(action))}`),
      html("span", {}, percent(permille / 1000)));
    item.style.setProperty("--share", `${permille / 10}%`);
    return item;
  }));
}

// --- Moving around -----------------------------------------------------------------------------

const steps = new Stepper(() => ({ position: ply, last: game.moves.length }), (position) => {
  ply = position;
  drawBoard();
  drawHeat();
  drawScores();
  drawMove();
  drawValue();
  drawChoices();
});
stepByKeys();

/** @param {number} index of a game */
function choose(index) {
  game = games[index];
  document.querySelectorAll("nav button").forEach((button, i) => {
    if (i !== index) return button.removeAttribute("aria-current");
    button.setAttribute("aria-current", "true");
    button.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  const fields = { board: game.start, blue: "person", orange: "person", moves: game.moves.map(({ action }) => notation(action)).join("-") };
  find("#analyse", HTMLAnchorElement).href = `${analysis}#${new URLSearchParams(fields)}`;
  steps.go(game.moves.length);
}

function listGames() {
  byId("games").replaceChildren(...games.map((listed, index) => {
    const { name, moves: { length }, winner } = listed;
    return html("li", {}, html("button", { type: "button", onclick: () => choose(index) },
      html("span", { className: "name" }, name),
      html("span", { className: "length" }, `${length} moves`),
      resultOf(standing(listed, length).score, winner)));
  }));
}

function summary() {
  const wins = [0, 1, 2].map((player) => games.filter((g) => g.over && g.winner === player).length);
  const length = games.reduce((sum, g) => sum + g.moves.length, 0) / games.length;
  const count = games.length === 1 ? "1 game" : `${games.length} games`;
  return `${count}, ${length.toFixed(0)} moves each on average. Blue won ${wins[1]}, Orange won ${wins[2]}, ${wins[0]} drawn.`;
}

input("heat").addEventListener("change", drawHeat);
find("#chart", SVGSVGElement).addEventListener("click", (event) => steps.go(Math.round(shareOfClick(event) * game.moves.length)));

document.title = byId("title").textContent = title;
byId("summary").textContent = summary();
listGames();
for (const element of document.querySelectorAll("[data-game]")) {
  element.addEventListener("click", () => choose(Number(element.getAttribute("data-game"))));
}
choose(0);
