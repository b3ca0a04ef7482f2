// Lets the computer players of a game move when it is their turn.

import { LATE, NoAnswer, messageOf, suggest } from "./server.js";
import { isLive } from "./state.js";
/** @import { Analysis } from "./analysis.js" */
/** @import { GameNode } from "./game.js" */
/** @import { Question } from "./server.js" */
/** @import { State } from "./state.js" */
/** @import { Store } from "./store.js" */

const SHOWN_MS = 450; // how long a move is on the board before a computer answers
const LEAST_SECONDS = 0.3, MOVES_TO_COME = 20; // of what is left on a clock, a move gets so much
const LATE_MS = 10_000; // after the time that it has, or after the question if it has none
const ASK_AGAIN_MS = 2000, TRIES = 5;

/** @param {number} milliseconds */
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class Computer {
  /** @type {{ node: GameNode, player: string, controller: AbortController } | null} */
  #turn = null;
  #store;
  #analysis;

  /** @param {Store<State>} store @param {Analysis} analysis learns what it thought */
  constructor(store, analysis) {
    this.#store = store;
    this.#analysis = analysis;
    store.follow((state) => this.#follow(state));
  }

  /** @param {State} state */
  #follow({ game, paused }) {
    const due = game.isComputersTurn && paused === null, player = game.players[game.position.turn - 1];
    if (this.#turn && due && this.#turn.node === game.tip && this.#turn.player === player) return;
    this.#turn?.controller.abort();
    this.#turn = due ? { node: game.tip, player, controller: new AbortController() } : null;
    if (this.#turn) this.#move(this.#turn);
  }

  /** @param {{ node: GameNode, player: string, controller: AbortController }} turn */
  async #move(turn) {
    const store = this.#store, { node, player, controller: { signal } } = turn;
    let late = 0;
    try {
      const { game: { board }, clock } = store.state, left = clock?.left[node.position.turn - 1];
      const within = clock && left ? Math.max(LEAST_SECONDS, (left / MOVES_TO_COME + clock.increment / 2) / 1000) : undefined;
      const question = { board, actions: node.actions(), player, within, signal };
      late = setTimeout(() => store.set({ trouble: LATE }), 1000 * (within ?? 0) + LATE_MS);
      const [reply] = await Promise.all([this.#ask(question, turn), wait(SHOWN_MS)]);
      if (this.#turn !== turn) return;
      this.#analysis.learn(node, reply, player);
      const game = store.state.game.play(reply.move);
      store.set({ game, shown: isLive(store.state) ? game.tip : store.state.shown, trouble: null, tool: "normal" });
    } catch (error) {
      if (this.#turn !== turn) return;
      store.set({ paused: messageOf(error), trouble: null });
    } finally {
      clearTimeout(late);
    }
  }

  /** Asks again while that may help, and says so. @param {Question} question @param {object} turn */
  async #ask(question, turn) {
    for (let tries = TRIES; ; tries--) {
      try {
        return await suggest(question);
      } catch (error) {
        if (!(error instanceof NoAnswer && error.again) || !tries || this.#turn !== turn) throw error;
        this.#store.set({ trouble: `${error.message}. Asking again …` });
        await wait(ASK_AGAIN_MS);
        if (this.#turn !== turn) throw error;
      }
    }
  }
}
