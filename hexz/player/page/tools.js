// The buttons below the board, of which each state of a game has its own.

import { COLOURS, opponentOf } from "./cells.js";
import { button, byId, find } from "./dom.js";
import { PERSON } from "./game.js";
import { isAway } from "./lesson.js";
import { nextLevel } from "./play.js";
import { activeTool, isLive, purpose } from "./state.js";
/** @import { State } from "./state.js" */

export const TOOLS = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("[name=tool]"));
export const LINES = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("[name=line]"));

/** @param {State} state */
export function drawTools(state) {
  const { game, shown, lesson, offers } = state, { position } = shown, active = activeTool(state), playable = purpose(state) !== null;
  const live = isLive(state), over = live && game.isOver, bar = lesson ? "lesson" : over ? "over" : live ? "live" : "away";
  for (const id of ["live", "away", "over", "lesson"]) byId(id).hidden = id !== bar;
  byId("tool").hidden = lesson ? lesson.phase === "answer" || lesson.phase === "done" : over;
  for (const choice of TOOLS) {
    const possible = choice.value === "flag" ? position.flagsOf(position.turn) : position.normalMoves(position.turn).length;
    choice.checked = choice.value === active;
    choice.disabled = !playable || !possible;
  }
  for (const id of ["undo", "redo"]) byId(id).hidden = bar === "away" || bar === "lesson";
  button("undo").disabled = !live || !game.undo();
  button("redo").disabled = !live || !game.later;
  button("hint").disabled = purpose(state) !== "play" || !offers.length;
  byId("hint").classList.toggle("busy", state.hinting);
  button("resign").disabled = game.isOver || !game.players.includes(PERSON);
  button("branch").disabled = shown.position.isOver;
  byId("delete").hidden = game.includes(shown);
  drawOver(state);
  drawLesson(state);
  keepFocus();
}

/** A button that is gone leaves the focus beside those that have come. */
function keepFocus() {
  const tools = find(".tools", HTMLElement), { activeElement: focused } = document;
  if (focused && focused !== tools && tools.contains(focused) && !focused.checkVisibility()) tools.focus();
}

/** @param {State} state */
function drawOver(state) {
  const next = nextLevel(state);
  byId("level").hidden = !next;
  byId("level").textContent = next ? `Next: ${next.name}` : "";
  byId("rematch").classList.toggle("primary", !next);
  byId("rematch").hidden = !state.game.players.includes(PERSON);
  button("learn").disabled = button("review").disabled = !state.offers.length || !state.game.length || state.lesson !== null;
  byId("review").textContent = state.game.onlyPerson ? "Learn from your mistakes" : "Learn from the mistakes";
}

/** @param {State} state */
function drawLesson({ lesson, problem, shown }) {
  if (!lesson) return;
  const { phase, mistakes, number, player } = lesson, away = isAway(lesson, shown), done = phase === "done";
  const canTry = away || phase === "wrong" || phase === "right" || phase === "answer" || (phase === "judging" && problem !== null);
  button("again").disabled = !(canTry || (done && mistakes.length));
  byId("again").textContent = away ? "Go on" : done ? "Once more" : "Try again";
  byId("answer").hidden = phase === "answer" || done;
  button("answer").disabled = !(phase === "find" || phase === "wrong" || phase === "right");
  byId("lines").hidden = phase !== "answer";
  for (const choice of LINES) choice.checked = choice.value === lesson.line;
  byId("following").hidden = done && !player;
  button("following").disabled = phase === "preparing" || phase === "judging";
  byId("following").textContent = done ? `${COLOURS[opponentOf(player)]}’s mistakes`
    : phase === "find" ? "Skip" : number + 1 < mistakes.length ? "Next" : "Finish";
}
