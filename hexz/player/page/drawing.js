// Which part of the page shows what of the state.

import { drawSides, percent } from "./board.js";
import { cellOf, flagAction, isFlag, normalAction, notation } from "./cells.js";
import { Stepper } from "./controls.js";
import { byId, find, input } from "./dom.js";
import { PERSON } from "./game.js";
import { drawMoves, onMove } from "./moves.js";
import { drawPanel, groundOf, lessonOverlay, opinionOf, overlayOf } from "./panel.js";
import { choose } from "./play.js";
import { analysis, currentLine, show, store } from "./session.js";
import { sound } from "./sound.js";
import { actionOn, activeTool, choices, isLive, isThinking, purpose } from "./state.js";
import { drawTools } from "./tools.js";
import { BoardView } from "./view.js";
import { describeCell, futureOf, judgementText, nameOf, resultText, statusText, verdict } from "./words.js";
/** @import { Position } from "./rules.js" */
/** @import { State } from "./state.js" */
/** @import { Mark } from "./view.js" */

export const OVERLAYS = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("[name=overlay]"));

const board = new BoardView(find("#board", SVGSVGElement), { onChoose: choose, onLook: (looked) => store.set({ looked }) });
export const steps = new Stepper(
  () => ({ position: store.state.shown.ply, last: currentLine().length - 1 }),
  (ply) => show(currentLine()[ply]),
);

onMove(show);

/** What a cell holds, what can be done with it, and what the analysis thinks of that. @param {number} cell */
function labelOf(cell) {
  const { state } = store, opinions = opinionsOn(cell);
  return describeCell(state.shown.position, cell, !purpose(state) && state.game.isOver) + (opinions && `. ${opinions}`);
}

/** @param {number} cell */
function opinionsOn(cell) {
  const { analysing, lesson, shown, overlay } = store.state, reply = analysing && !lesson && analysis.of(shown.position);
  if (!reply) return "";
  if (overlay === "ground") return futureOf(groundOf(reply, shown.position).get(cell));
  return [normalAction(cell), flagAction(cell)].map((action) => {
    const opinion = opinionOf(reply, action);
    if (!opinion || opinion.chance === null) return "";
    const { visits, chance, margin } = opinion;
    return `${notation(action)}: ${margin === null ? `${percent(visits)} of visits, wins ${percent(chance)}` : resultText(margin)}`;
  }).filter(Boolean).join("; ");
}

/** @param {State} state */
function drawBoard(state) {
  const { shown: { position } } = state, flags = activeTool(state) === "flag";
  board.draw(position, labelOf);
  board.showChoices(choices(state).map((action) => {
    const cell = cellOf(action);
    return { cell, player: position.turn, text: flags ? "" : position.nextValue(position.turn, cell) };
  }));
}

/** @param {State} state */
function drawMarks(state) {
  const { shown, hint, looked } = state, { position } = shown;
  /** @type {Mark[]} */
  const marks = shown.changes.map(({ cell, step }) => ({ cell, name: step ? "taken" : "last" }));
  if (hint?.node === shown) marks.push(piece(position, hint.action, "hinted"));
  const action = looked === null ? -1 : actionOn(state, looked);
  if (looked !== null && purpose(state) && position.isLegal(action)) {
    marks.push(piece(position, action, "preview"));
    marks.push(...position.captures(action).map(({ cell }) => ({ cell, name: "taken", className: "preview" })));
  }
  board.showMarks(marks);
}

/** @param {Position} position @param {number} action @param {string} className */
function piece(position, action, className) {
  const cell = cellOf(action), name = `${isFlag(action) ? "flag" : "cell"}${position.turn}`;
  const value = isFlag(action) ? "" : position.nextValue(position.turn, cell);
  return { cell, name, value, className: `${className} hz-${name}` };
}

/** @param {State} state */
function drawPlayers(state) {
  const { game, offers, shown: { position: { score, flagsLeft: flags, turn: toMove, isOver } } } = state;
  const ended = isOver || (game.isOver && isLive(state)), names = [1, 2].map((player) => nameOf(game, player, offers));
  drawSides({ names, score, flags, toMove: ended ? 0 : toMove, winner: ended && isLive(state) ? game.winner ?? 0 : 0 });
}

/** @param {Element} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text; // or screen readers would repeat it
}

/** @param {State} state */
function drawStatus(state) {
  const { game, paused, trouble } = state;
  setText(byId("status"), statusText(state, analysis));
  byId("status").classList.toggle("busy", isThinking(state) && isLive(state));
  const stopped = paused !== null && game.isComputersTurn, waits = trouble && isThinking(state), watching = !game.players.includes(PERSON);
  byId("go").hidden = game.isOver || !isLive(state) || !(stopped || watching || waits);
  byId("go").textContent = paused || waits ? "Try again" : stopped ? "Go on" : "Pause";
  const news = game.isOver ? verdict(game, game.onlyPerson) : game.isPersonsTurn && game.onlyPerson ? "Your turn" : "";
  document.title = news ? `${news} – Flagz` : "Flagz";
}

/** @param {State} state */
function drawDetail({ looked, shown, analysing, lesson, notice }) {
  setText(byId("detail"), looked !== null ? labelOf(looked) : analysing && !lesson ? judgementText(shown, analysis) : "");
  byId("notice").hidden = !notice;
  setText(find("#notice span", HTMLElement), notice?.text ?? "");
  const act = find("#notice .act", HTMLButtonElement);
  act.hidden = !notice?.action;
  act.textContent = notice?.action?.name ?? "";
}

/** @param {State} state */
function drawAnalysis(state) {
  const { analysing, lesson, shown, overlay, offers } = state, on = analysing && !lesson, reply = analysis.of(shown.position);
  byId("analysis-on").hidden = !on;
  byId("analysis-off").hidden = on;
  byId("analysis-off").textContent = lesson ? "Hidden while you look for better moves."
    : "Shows who is ahead, what the computer would play, and which moves were mistakes.";
  input("analyse").checked = analysing;
  input("analyse").disabled = !offers.length;
  for (const choice of OVERLAYS) choice.checked = choice.value === overlay;
  board.showOverlay(lesson ? lessonOverlay(state, analysis) : on ? overlayOf(overlay, reply, shown.position) : []);
  board.showGround(on && overlay === "ground" ? groundOf(reply, shown.position) : new Map());
  if (on) drawPanel(state, analysis);
}

/** What shows which part of the state. @type {[(state: State) => void, (keyof State)[]][]} */
const PARTS = [
  [drawBoard, ["game", "shown", "tool", "lesson", "analysing", "overlay", "news"]],
  [drawMarks, ["game", "shown", "tool", "lesson", "hint", "looked"]],
  [drawPlayers, ["game", "shown", "offers"]],
  [drawStatus, ["game", "shown", "offers", "hint", "paused", "trouble", "lesson", "news", "problem"]],
  [drawDetail, ["game", "shown", "looked", "notice", "analysing", "lesson", "news"]],
  [drawTools, ["game", "shown", "tool", "offers", "lesson", "hinting", "problem"]],
  [() => steps.draw(), ["game", "shown"]],
  [(state) => drawMoves(state, analysis), ["game", "shown", "analysing", "lesson", "news"]],
  [drawAnalysis, ["game", "shown", "offers", "analysing", "overlay", "lesson", "news", "problem"]],
];

store.follow((state, before) => {
  for (const [draw, parts] of PARTS) if (parts.some((part) => state[part] !== before[part])) draw(state);
});

/** A move to the next position is animated; all moves of the game have a sound. */
store.follow(({ game, shown }, before) => {
  if (shown.parent && shown.parent === before.shown) board.animate(shown.changes);
  if (game === before.game || game.root !== before.game.root) return;
  if (game.tip.parent === before.game.tip) {
    sound(game.tip.captured.length ? "captured" : isFlag(game.tip.action) ? "flag" : "placed");
  }
  if (game.isOver && !before.game.isOver) sound("over");
});
