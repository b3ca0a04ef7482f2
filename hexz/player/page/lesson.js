// Leads through the mistakes of a player: the position before each, a try, and the answer.

import { INACCURACY } from "./analysis.js";
/** @import { Analysis } from "./analysis.js" */
/** @import { Game, GameNode } from "./game.js" */

/**
 * @typedef {"preparing" | "find" | "judging" | "wrong" | "right" | "answer" | "done"} Phase
 * @typedef {object} Lesson
 * @property {Phase} phase
 * @property {number} player whose mistakes, 0 for those of both
 * @property {GameNode[]} mistakes the nodes after them
 * @property {number} number of the present one, 0 for the first
 * @property {GameNode} start the position before it
 * @property {GameNode | null} tried the node after the move that was tried
 * @property {"better" | "played"} line which of both the board shows with the answer
 */

/** @param {Game} game @returns {Lesson} */
export function newLesson(game) {
  return { phase: "preparing", player: game.onlyPerson, mistakes: [], number: 0, start: game.root, tried: null, line: "better" };
}

/** The lesson from its first mistake on, once the whole game is known. @param {Lesson} lesson @param {Game} game @param {Analysis} analysis @returns {Lesson} */
export function begin(lesson, game, analysis) {
  const mistakes = analysis.mistakes(game.line, lesson.player);
  return goTo({ ...lesson, mistakes }, 0);
}

/** @param {Lesson} lesson @param {number} number of a mistake @returns {Lesson} */
export function goTo(lesson, number) {
  const mistake = lesson.mistakes[number];
  if (!mistake?.parent) return { ...lesson, phase: "done", tried: null };
  return { ...lesson, phase: "find", number, start: mistake.parent, tried: null, line: "better" };
}

/** Whether the board shows something else than what a lesson asks about. @param {Lesson} lesson @param {GameNode} shown */
export const isAway = ({ phase, start, tried }, shown) => phase !== "preparing" && phase !== "done" && shown !== start && shown !== tried;

/** The mistake that a lesson is about. @param {Lesson} lesson */
export const mistakeOf = ({ mistakes, number }) => mistakes[number];

/** The lesson after a move was tried, judged by what is known of it. @param {Lesson} lesson @param {Analysis} analysis @returns {Lesson} */
export function judge(lesson, analysis) {
  const { tried } = lesson, loss = tried && analysis.isDone(tried) ? analysis.lossOf(tried) : null;
  if (loss === null) return lesson;
  return { ...lesson, phase: loss < INACCURACY ? "right" : "wrong" };
}
