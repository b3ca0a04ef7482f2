// A game under way, shown move by move: what workers tell of it comes every few seconds only.

import { cellsOf, drawCell, drawSides, transformOf } from "./board.js";
import { CELLS, COLOURS, cellOf } from "./cells.js";
import { byId, find, svg } from "./dom.js";
import { Position } from "./rules.js";
/** @import { WatchedGame } from "../schema/status.js" */

const MOVE_MS = 600;
/** A page that is further behind than this leaves moves out. */
const MOST_BEHIND = 12;

/** @type {WatchedGame | null} */
let game = null;
/** What is shown of it. @type {Position | null} */
let position = null;

/** Takes the game that there is to watch. @param {WatchedGame | null} newest */
export function watch(newest) {
  const isSame = newest?.board === game?.board;
  game = newest;
  byId("game").hidden = !newest;
  if (!newest) return;
  byId("game-note").textContent = newest.checkpoint === null ? newest.worker : `checkpoint ${newest.checkpoint} against itself, on ${newest.worker}`;
  if (isSame && position) return;
  position = Position.fromText(newest.board);
  draw(position);
}

/** Shows the next move, if it is known. */
function step() {
  if (!game || !position || position.moveNumber >= game.moves.length) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const shown = still ? game.moves.length : Math.max(position.moveNumber + 1, game.moves.length - MOST_BEHIND);
  while (position.moveNumber < shown) position = position.play(game.moves[position.moveNumber]);
  draw(position, game.moves[shown - 1]);
}

/** @param {Position} shown @param {number} [action] the last move */
function draw(shown, action) {
  const board = find("#game > .hz-board", SVGSVGElement), groups = cellsOf(board);
  for (const cell of CELLS) drawCell(/** @type {Element} */ (groups.get(cell)), shown.cells[cell]);
  const last = action === undefined ? undefined : groups.get(cellOf(action));
  find(".hz-marks", SVGGElement, board).replaceChildren(
    ...(last ? [svg("use", { href: "#hz-last", transform: transformOf(last) })] : []));
  drawSides({ names: COLOURS.slice(1), score: shown.score, flags: shown.flagsLeft, toMove: shown.turn });
  byId("game-title").textContent = `A game under way, move ${shown.moveNumber}`;
}

setInterval(step, MOVE_MS);
