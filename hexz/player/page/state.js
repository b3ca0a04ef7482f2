// What the page is about at a moment, and what follows from it.

import { flagAction, isFlag, normalAction } from "./cells.js";
/** @import { Clock } from "./clock.js" */
/** @import { Game, GameNode } from "./game.js" */
/** @import { Lesson } from "./lesson.js" */
/** @import { Offer } from "./server.js" */

/**
 * @typedef {{ text: string, action?: { name: string, run: () => void } }} Notice
 * @typedef {object} State
 * @property {Offer[]} offers the computer players that can be asked
 * @property {Game} game
 * @property {GameNode} shown the position on the board
 * @property {"normal" | "flag"} tool
 * @property {number | null} looked the cell under the pointer, or focused
 * @property {{ node: GameNode, action: number } | null} hint
 * @property {boolean} hinting a hint is awaited
 * @property {string | null} paused why no computer goes on: "" on request, or a problem
 * @property {string | null} trouble what is wrong with the server while an answer is awaited
 * @property {Notice | null} notice
 * @property {boolean} analysing
 * @property {{ text: string, again: boolean } | null} problem of the analysis; again: it asks again
 * @property {string} overlay what the analysis draws on the board
 * @property {number} news grows with what the analysis knows
 * @property {Lesson | null} lesson
 * @property {Clock | null} clock
 */

/** Whether the board shows where the game stands. @param {State} state */
export const isLive = ({ game, shown }) => shown === game.tip;

/**
 * What a click on the board would be: a move of the game, one that is tried, or nothing.
 * @param {State} state
 * @returns {"play" | "try" | null}
 */
export function purpose(state) {
  const { game, shown, lesson } = state;
  if (shown.position.isOver || (lesson && (lesson.phase !== "find" || shown !== lesson.start))) return null;
  if (isLive(state) && !game.isOver) return game.isPersonsTurn ? "play" : null;
  return "try";
}

/** The kind of move that a click makes: the chosen one, if it is possible at all. @param {State} state */
export function activeTool({ shown: { position }, tool }) {
  if (!position.flagsOf(position.turn)) return "normal";
  return position.normalMoves(position.turn).length ? tool : "flag";
}

/** @param {State} state @param {number} cell */
export const actionOn = (state, cell) => (activeTool(state) === "flag" ? flagAction(cell) : normalAction(cell));

/** What can be played by a click, as the board shows it. @param {State} state */
export function choices(state) {
  if (!purpose(state)) return [];
  const flags = activeTool(state) === "flag";
  return state.shown.position.legalActions().filter((action) => isFlag(action) === flags);
}

/** Whether a computer is thinking about its move. @param {State} state */
export const isThinking = ({ game, paused }) => game.isComputersTurn && paused === null;

