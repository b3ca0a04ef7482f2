// What the page says about a game.

import { percent } from "./board.js";
import { COLOURS, cellName, cellOf, isFlag, normalAction, notation } from "./cells.js";
import { isAway, mistakeOf } from "./lesson.js";
import { activeTool, isLive, isThinking, purpose } from "./state.js";
import { chanceOf, mostOf } from "./analysis.js";
/** @import { Analysis } from "./analysis.js" */
/** @import { Game, GameNode } from "./game.js" */
/** @import { Lesson } from "./lesson.js" */
/** @import { Position } from "./rules.js" */
/** @import { Offer } from "./server.js" */
/** @import { State } from "./state.js" */

/** What people call a player of a game. @param {Game} game @param {number} player @param {Offer[]} offers */
export function nameOf(game, player, offers) {
  const spec = game.players[player - 1];
  if (!game.isPerson(player)) return offers.find((offer) => offer.spec === spec)?.name ?? spec;
  return game.onlyPerson ? "You" : COLOURS[player];
}

/** What the move did that led to a node. @param {GameNode} node */
function describeMove(node) {
  const cell = cellOf(node.action), points = node.captured.reduce((sum, value) => sum + value, 0);
  const placed = isFlag(node.action) ? "planted a flag on" : `placed ${node.position.cells[cell].value} on`;
  return `${COLOURS[node.mover]} ${placed} ${cellName(cell)}${points ? ` and captured ${points}` : ""}.`;
}

/**
 * How a game ended: who won, by how much, and why it was over.
 * @param {Game} game @param {number} [reader] the player who reads it, or 0 for others
 */
export function outcome(game, reader = 0) {
  const { score } = game.position, points = ` ${Math.max(...score)} to ${Math.min(...score)}`;
  const isReader = game.resigned === reader, loser = COLOURS[game.resigned];
  if (game.late) return `${isReader ? "Your" : `${loser}’s`} time is over. ${verdict(game, reader)}.`;
  if (game.resigned) return `${isReader ? "You" : loser} resigned. ${verdict(game, reader)}.`;
  return `${verdict(game, reader)},${points}: ${reason(game.position, reader)}.`;
}

/** Who won. @param {Game} game @param {number} [reader] the player who reads it, or 0 for others */
export function verdict(game, reader = 0) {
  const winner = game.winner ?? 0;
  if (winner === 0) return "A draw";
  if (!reader) return `${COLOURS[winner]} wins`;
  return reader === winner ? "You win" : "You lose";
}

/** Why a position is the end. @param {Position} position @param {number} reader the player who reads it, or 0 for others */
function reason(position, reader) {
  if (!position.cells.some(({ kind }) => kind === "empty")) return "no cell is empty";
  const [blue, orange] = [1, 2].map((player) => position.canMove(player));
  if (!blue && !orange) return "nobody can move";
  const stuck = blue ? 2 : 1;
  return stuck === reader ? "you cannot move and are behind" : `${COLOURS[stuck]} cannot move and is behind`;
}

/** Asks for a move. @param {string} whose @param {Position} position */
function invitation(whose, position) {
  if (!position.normalMoves(position.turn).length) return `${whose}: plant a flag on any empty cell.`;
  return `${whose}.`;
}

/** The line above the board. @param {State} state @param {Analysis} analysis */
export function statusText(state, analysis) {
  const { game, shown, lesson, hint, paused, trouble, offers } = state;
  if (lesson && !isAway(lesson, shown)) return lessonText(lesson, state, analysis);
  if (lesson) return `${awayText(state)} “Go on” returns to the review.`;
  if (!isLive(state)) return awayText(state);
  const last = shown.parent && !game.resigned ? `${describeMove(shown)} ` : "";
  if (game.isOver) return outcome(game, game.onlyPerson);
  if (hint?.node === shown) return hintText(hint, analysis);
  if (game.isPersonsTurn) {
    const whose = game.onlyPerson ? "Your turn" : `${COLOURS[shown.position.turn]}’s turn`;
    return last + invitation(whose, shown.position);
  }
  if (trouble) return trouble;
  if (isThinking(state)) return `${last}${nameOf(game, shown.position.turn, offers)} is thinking …`;
  return paused ? `${paused}.` : `${last}Paused.`;
}

/** @param {State} state */
function awayText(state) {
  const { game, shown } = state;
  if (!shown.parent) return game.length ? "The start of the game." : "The start.";
  if (game.includes(shown)) return `Move ${shown.ply}: ${describeMove(shown)}`;
  return `Tried: ${describeMove(shown)} The game is as it was.`;
}

/** @param {{ node: GameNode, action: number }} hint @param {Analysis} analysis */
function hintText({ node, action }, analysis) {
  const what = isFlag(action) ? "plant a flag on" : "place on", reply = analysis.of(node.position);
  const most = reply ? mostOf(reply) : null, result = most === null ? `wins ${percent(chanceOf(reply?.value ?? 0))}` : resultText(most);
  return `I would ${what} ${cellName(cellOf(action))}: ${result}.`;
}

/** @param {number} points */
export const pointsText = (points) => `${points} ${points === 1 ? "point" : "points"}`;

/** What comes of a move in a position that is solved. @param {number} margin of the player who makes it */
export function resultText(margin) {
  return margin ? `${margin > 0 ? "wins" : "loses"} by ${pointsText(Math.abs(margin))}` : "is a draw";
}

/** @param {Lesson} lesson @param {State} state @param {Analysis} analysis */
function lessonText(lesson, { game, problem }, analysis) {
  const { phase, mistakes, number, tried, player } = lesson;
  if (phase === "preparing") {
    const { done, of } = analysis.progress(game.line);
    return problem ? problem.text : `Looking at the game: ${done} of ${of} positions.`;
  }
  if (phase === "done") {
    if (mistakes.length) return "That was the last mistake.";
    const whose = player ? ` of ${player === game.onlyPerson ? "yours" : COLOURS[player]}` : "";
    return `There are no mistakes${whose} in this game.`;
  }
  const mistake = mistakeOf(lesson), loss = percent(analysis.lossOf(mistake) ?? 0);
  const who = game.onlyPerson === mistake.mover ? "You" : COLOURS[mistake.mover];
  const count = `${number + 1} of ${mistakes.length}`;
  if (phase === "find") {
    return `${count}: ${who} played ${notation(mistake.action)}, which lost ${loss} of the chance to win. Find a better move.`;
  }
  if (phase === "answer") {
    const best = analysis.of(lesson.start.position)?.move;
    return `${count}: best is ${best === undefined ? "unknown" : notation(best)}. ${notation(mistake.action)} lost ${loss}.`;
  }
  const move = tried ? notation(tried.action) : "";
  if (phase === "judging") return problem ? problem.text : `${move}? Thinking about it …`;
  const triedLoss = (tried && analysis.lossOf(tried)) || 0;
  if (phase === "wrong") return `${move} loses ${percent(triedLoss)}. There is a better move.`;
  const best = analysis.of(lesson.start.position)?.move === tried?.action;
  return best ? `${move} is the best move!` : `${move} is good: it loses ${percent(triedLoss)} at most.`;
}

/** What a move cost that is shown, if it was a mistake. @param {GameNode} node @param {Analysis} analysis */
export function judgementText(node, analysis) {
  const judgement = analysis.judgementOf(node), best = node.parent && analysis.of(node.parent.position)?.move;
  if (judgement === "good") return "The only good move.";
  if (!judgement || best === undefined || best === null) return "";
  const name = { blunder: "A blunder", mistake: "A mistake", inaccuracy: "An inaccuracy" }[judgement];
  return `${name}: it lost ${percent(analysis.lossOf(node) ?? 0)} of the chance to win, better was ${notation(best)}.`;
}

/** Whose a cell will be. @param {number} [share] -1 Orange to 1 Blue */
export function futureOf(share) {
  if (share === undefined) return "";
  return `${Math.abs(share) < 0.6 ? "May" : "Will"} be ${COLOURS[share > 0 ? 1 : 2]}’s`;
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

/** Why a click on a cell is no move, to somebody who may not know the rules. @param {State} state @param {number} cell */
export function refusal(state, cell) {
  const { game, shown: { position } } = state, { kind, owner, value } = position.cells[cell];
  if (!purpose(state)) return state.lesson ? "" : game.isComputersTurn && isLive(state) ? "It is not your turn yet." : "";
  if (kind === "rock") return "A rock: nothing can stand here.";
  if (kind === "grass") return `Grass is captured: place a value of ${value} or more beside it, and it is yours.`;
  if (owner) return `This cell is ${COLOURS[owner]}’s for good.`;
  if (activeTool(state) === "flag") return "";
  const flags = position.flagsOf(position.turn) > 0 ? " Choose “Flag” to plant one here." : "";
  if (position.nextValue(position.turn, cell) < 0) return `A 5 of ${COLOURS[position.turn]} blocks this cell for ${COLOURS[position.turn]}.${flags}`;
  return `Values grow from your cells: this one touches none of them.${flags}`;
}

/** The name of the result of a game for a file or a picture. @param {Game} game */
export function title(game) {
  const seed = game.seed === null ? "" : `Board ${game.seed}: `;
  return `${seed}${game.position.score[0]} – ${game.position.score[1]}`;
}

