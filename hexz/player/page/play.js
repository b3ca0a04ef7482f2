// What can be done in a game.

import { opponentOf } from "./cells.js";
import { clockOf } from "./clock.js";
import { byId, find } from "./dom.js";
import { Game, PERSON, someSeed } from "./game.js";
import { judge } from "./lesson.js";
import { learnPlayers, unfinishedGames } from "./arrival.js";
import { messageOf } from "./server.js";
import { NO_SERVER, analysis, notify, replaceGame, show, store } from "./session.js";
import { levelsOf, openSetup } from "./setup.js";
import { actionOn, activeTool, choices, isLive, purpose } from "./state.js";
import { remember } from "./unfinished.js";
import { refusal } from "./words.js";
/** @import { State } from "./state.js" */

/** A click on a cell, or Enter: only what the board shows can be played. @param {number} cell */
export function choose(cell) {
  const { state } = store, action = actionOn(state, cell), why = purpose(state);
  if (!choices(state).includes(action)) return state.notice?.action ? undefined : notify(refusal(state, cell));
  if (why === "play") {
    const game = state.game.play(action);
    store.set({ game, shown: game.tip, tool: "normal", notice: null, looked: cell });
  } else {
    const tried = state.shown.child(action);
    const lesson = state.lesson && judge({ ...state.lesson, phase: "judging", tried }, analysis);
    store.set({ shown: tried, lesson, tool: "normal", notice: null, looked: cell });
  }
}

/** Goes back to an earlier state of the game, or on to a later one; not in a review. @param {Game | null} game */
function change(game) {
  if (!game || !isLive(store.state) || store.state.lesson) return;
  const paused = game.players.includes(PERSON) ? null : ""; // computers would play on at once
  store.set({ game, shown: game.tip, tool: "normal", hint: null, paused, trouble: null, notice: null });
}

export const undo = () => change(store.state.game.undo());
export const redo = () => change(store.state.game.later);

export function changeTool() {
  const { state } = store;
  store.set({ tool: activeTool(state) === "flag" ? "normal" : "flag" });
}

export async function pauseOrGoOn() {
  const { paused, trouble, offers } = store.state;
  if (paused === null) {
    store.set({ paused: "", trouble: null }); // ends the question
    if (!trouble) return;
  }
  if (!offers.length) await learnPlayers();
  store.set({ paused: store.state.offers.length ? null : NO_SERVER, trouble: null });
}

/** Goes on from the position that is shown: the moves after it stay in the list, as what was tried. */
export function branch() {
  const { game, shown } = store.state, next = game.goOnFrom(shown);
  store.set({ game: next, shown: next.tip, paused: next.players.includes(PERSON) ? null : "", lesson: null, trouble: null, notice: null });
}

/** Deletes the move shown and what follows it, if they are not the game. */
export function deleteTried() {
  const { game, shown, lesson } = store.state;
  if (shown.parent && !lesson && !game.includes(shown)) store.set({ game: game.without(shown), shown: shown.parent, notice: null });
}

export const back = () => show(store.state.game.tip);

export async function resign() {
  if (!(await confirm("Resign this game?", "Resign"))) return;
  const { game } = store.state, { turn: toMove } = game.position;
  const next = game.resign(game.onlyPerson || toMove);
  store.set({ game: next, shown: next.tip, hint: null });
}

export function openNew() {
  const { game, offers } = store.state;
  if (!offers.length) learnPlayers(); // they may be there by now
  openSetup(game.players, game.length > 0 && !game.isOver, unfinishedGames(), (seed, seats, clock) => {
    remember(store.state.game.toLink(), null); // a computer may have moved meanwhile
    replaceGame(Game.fromSeed(seed, seats), clock ? clockOf(clock) : null);
  });
}

/** The clock of the next game, as that of this one was at first. */
function fullClock() {
  const { clock } = store.state;
  return clock && { ...clock, left: [clock.time, clock.time], since: 0 };
}

export const rematch = () => {
  const [blue, orange] = store.state.game.players;
  replaceGame(Game.fromSeed(someSeed(), [orange, blue]), fullClock());
};

/** The level above the one that the only person has beaten, if there is one. @param {State} state */
export function nextLevel({ game, offers }) {
  const person = game.onlyPerson, levels = levelsOf(offers);
  if (!person || game.winner !== person) return null;
  const number = levels.findIndex(({ spec }) => spec === game.players[opponentOf(person) - 1]);
  return number < 0 ? null : levels[number + 1] ?? null;
}

export function playNextLevel() {
  const next = nextLevel(store.state), person = store.state.game.onlyPerson;
  if (next) replaceGame(Game.fromSeed(someSeed(), person === 1 ? [PERSON, next.spec] : [next.spec, PERSON]), fullClock());
}

export async function hint() {
  const { state } = store, { shown } = state;
  if (purpose(state) !== "play" || state.lesson || state.hinting || !analysis.player) return;
  store.set({ hinting: true });
  try {
    const reply = await analysis.request(shown);
    store.set({ hint: { node: shown, action: reply.move } });
  } catch (error) {
    notify(`${messageOf(error)}.`, { name: "Try again", run: hint });
  }
  store.set({ hinting: false });
}

/** Asks a question that can be answered with yes or no. @param {string} question @param {string} yes @returns {Promise<boolean>} */
function confirm(question, yes) {
  const dialog = find("#confirm", HTMLDialogElement);
  byId("question").textContent = question;
  byId("yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
