// The clocks of both players, in games that have some: time for all moves, and more after each one.
// They run from the first move on, and stand while no computer can answer.

import { find } from "./dom.js";
import { memory } from "./memory.js";
import { CLOCK, store } from "./session.js";
import { isThinking } from "./state.js";
/** @import { State } from "./state.js" */

const TICK_MS = 100, TENTHS_BELOW_MS = 20_000;

/** @typedef {{ time: number, increment: number, left: number[], since: number }} Clock in milliseconds; left: at `since` */

/** A clock from the words of the dialog, as "180+2" in seconds; null for none. @param {string} words @returns {Clock | null} */
export function clockOf(words) {
  const [time, increment] = words.split("+").map((seconds) => 1000 * Number(seconds));
  return time ? { time, increment, left: [time, time], since: 0 } : null;
}

/** Lets the browser remember the clock of a game that is left, where it then stands. @param {State} state */
function keep(state) {
  if (!state.clock || state.game.isOver) return;
  const left = [1, 2].map((player) => leftOf(state, player));
  memory.setItem(CLOCK, JSON.stringify({ link: state.game.toLink(), clock: { ...state.clock, left } }));
}

/** The clock of a game that was left, if it is the last one that was. @param {string} link to it @returns {Clock | null} */
export function keptClock(link) {
  const kept = JSON.parse(memory.getItem(CLOCK) ?? "null");
  return kept?.link === link ? { ...kept.clock, since: performance.now() } : null;
}

/** Whose clock runs; 0 for nobody's. @param {State} state */
function runner(state) {
  const { clock, game, trouble } = state, stands = game.isComputersTurn && (!isThinking(state) || trouble !== null);
  return clock && game.length && !game.isOver && !stands ? game.position.turn : 0;
}

/** What a player has left, in milliseconds. @param {State} state @param {number} player */
function leftOf(state, player) {
  const clock = /** @type {Clock} */ (state.clock);
  return clock.left[player - 1] - (runner(state) === player ? performance.now() - clock.since : 0);
}

/**
 * A change of turn puts the time that was used into the clock, and what comes after a move that was not there before.
 * A game that goes on after its time was over has no clock any more.
 */
store.follow((state, before) => {
  const { clock, game } = state, was = runner(before);
  if (game.root !== before.game.root) keep(before);
  const moved = game.tip.parent === before.game.tip && game !== before.game.later;
  if (clock && clock === before.clock && before.game.late && !game.late) {
    memory.removeItem(CLOCK);
    store.set({ clock: null });
  } else if (clock && clock === before.clock && (moved || was !== runner(state))) {
    const left = [1, 2].map((player) => leftOf(before, player) + (moved && was === player ? clock.increment : 0));
    store.set({ clock: { ...clock, left, since: performance.now() } });
  }
  if (clock !== before.clock) drawClocks(state);
});

/** @param {State} state */
function drawClocks(state) {
  for (const player of [1, 2]) {
    const shown = find(`[data-player="${player}"] .clock`, HTMLElement), left = state.clock ? leftOf(state, player) : 0;
    shown.hidden = !state.clock;
    shown.textContent = timeText(left);
    shown.classList.toggle("short", left < TENTHS_BELOW_MS);
  }
}

/** @param {number} milliseconds */
function timeText(milliseconds) {
  const left = Math.max(0, milliseconds), minutes = Math.floor(left / 60_000), seconds = (left % 60_000) / 1000;
  const digits = left < TENTHS_BELOW_MS ? (Math.floor(10 * seconds) / 10).toFixed(1) : String(Math.floor(seconds));
  return `${minutes}:${Number(digits) < 10 ? "0" : ""}${digits}`;
}

addEventListener("pagehide", () => keep(store.state));

setInterval(() => {
  const { state } = store, player = runner(state);
  if (!player) return;
  drawClocks(state);
  if (leftOf(state, player) > 0) return;
  const game = state.game.resign(player, true);
  store.set({ game, shown: game.tip, hint: null });
}, TICK_MS);
