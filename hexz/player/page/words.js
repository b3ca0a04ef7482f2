// What the page says about a game.

import { cellName, isFlag, normalAction } from "./cells.js";
import { PERSON } from "./game.js";
/** @import { Game } from "./game.js" */
/** @import { Position } from "./rules.js" */

export const COLOURS = ["", "Blue", "Orange"];

/** @param {Game} game */
export const onePerson = (game) => game.players.filter((player) => player === PERSON).length === 1;

/** @param {Game} game @param {number} k the number of a move, 0 for the first */
export function describeMove(game, k) {
  const player = game.positions[k].turn, action = game.actions[k], [{ cell }, ...taken] = game.changes(k);
  const after = game.positions[k + 1].cells;
  const points = taken.reduce((sum, { cell: grass }) => sum + after[grass].value, 0);
  const placed = isFlag(action) ? "planted a flag on" : `placed ${after[cell].value} on`;
  return `${COLOURS[player]} ${placed} ${cellName(cell)}${points ? ` and captured ${points}` : ""}.`;
}

/** How a game ended. @param {Game} game */
export function outcome(game) {
  const [first, second] = game.position.score, winner = COLOURS[game.winner ?? 0];
  if (game.resigned) return `${COLOURS[game.resigned]} resigned. ${winner} wins.`;
  if (game.winner === 0) return `A draw, ${first} to ${second}.`;
  return `${winner} wins, ${Math.max(first, second)} to ${Math.min(first, second)}.`;
}

/** Asks a person for a move. @param {Game} game */
export function invitation(game) {
  const { position } = game;
  const whose = onePerson(game) ? "Your turn" : `${COLOURS[position.turn]}’s turn`;
  if (!position.normalMoves(position.turn).length) return `${whose}: plant a flag on any empty cell.`;
  return `${whose}.`;
}

/**
 * What a cell holds, and what the player to move can do with it.
 * @param {Position} position @param {number} cell @param {boolean} isOver whether the game is
 */
export function describeCell(position, cell, isOver) {
  const { kind, owner, value } = position.cells[cell], name = cellName(cell);
  if (kind === "rock") return `${name}: rock`;
  if (kind === "grass") return `${name}: grass worth ${value}`;
  if (owner) return `${name}: ${COLOURS[owner]} ${kind === "flag" ? "flag" : value}`;
  if (position.isOver || isOver) return `${name}: empty`;
  const next = position.nextValue(position.turn, cell), who = COLOURS[position.turn];
  const parts = [next > 0 ? `${who} can place ${next}` : next < 0 ? `blocked for ${who} by a 5` : `nothing of ${who} is near`];
  const taken = next > 0 ? position.captures(normalAction(cell)) : [];
  if (taken.length) parts.push(`captures grass ${taken.map((t) => position.cells[t.cell].value).join(", ")}`);
  if (position.flagsOf(position.turn)) parts.push(next > 0 ? "or a flag" : "a flag can stand here");
  return `${name}: ${parts.join(", ")}`;
}
