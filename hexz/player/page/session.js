// What the page is about: its state, the analysis, and the ways in which both are changed by all.

import { Analysis } from "./analysis.js";
import { opponentOf } from "./cells.js";
import { Game, PERSON, someSeed } from "./game.js";
import { memory } from "./memory.js";
import { Store } from "./store.js";
/** @import { Clock } from "./clock.js" */
/** @import { GameNode } from "./game.js" */
/** @import { Notice, State } from "./state.js" */

export const NO_SERVER = "The server does not answer";
export const OPPONENT = "opponent", CLOCK = "clock"; // what the browser remembers

const newGame = Game.fromSeed(someSeed(), [PERSON, PERSON]);
export const store = new Store(/** @type {State} */ ({
  offers: [], game: newGame, shown: newGame.tip, tool: "normal", looked: null, hint: null, hinting: false,
  paused: "", trouble: null, notice: null, analysing: false, problem: null, overlay: "visits", news: 0, lesson: null, clock: null,
}));
export const analysis = new Analysis(store);

/** The line that the buttons and the slider lead through. */
export const currentLine = () => store.state.game.lineThrough(store.state.shown);

/** @param {GameNode} node */
export function show(node) {
  store.set({ shown: node, notice: null });
}

/** Puts another game in the place of this one. @param {Game} game @param {Clock | null} [clock] */
export function start(game, clock = null) {
  const { offers } = store.state;
  const paused = offers.length || game.isForPersons ? null : NO_SERVER;
  store.set({ game, shown: game.tip, tool: "normal", hint: null, lesson: null, paused, trouble: null, notice: null, clock });
}

/** Starts another game so that "Back" of the browser brings this one again. @param {Game} game @param {Clock | null} [clock] */
export function replaceGame(game, clock) {
  const computer = game.onlyPerson ? game.players[opponentOf(game.onlyPerson) - 1] : null;
  if (computer) memory.setItem(OPPONENT, computer);
  history.pushState(null, "", `#${game.toLink()}`);
  start(game, clock);
}

/** Shows a message in the place of what is said about a cell. @param {string} text @param {Notice["action"]} [action] */
export function notify(text, action) {
  store.set({ notice: text ? { text, action } : null });
}
