// What the search thinks of positions, and which moves were mistakes.

import { NoAnswer, suggest } from "./server.js";
/** @import { Game } from "./game.js" */
/** @import { Position } from "./rules.js" */
/** @import { Reply } from "./server.js" */

/** A move that loses at least so much of the chance to win is a mistake. */
export const MISTAKE = 0.1;

/** The chance of winning that belongs to an expected result of -1 to 1. @param {number} value */
export const chanceOf = (value) => (1 + value) / 2;

export class Analysis {
  /** @type {WeakMap<Position, Reply>} */
  #replies = new WeakMap();
  /** @type {WeakMap<Position, Promise<Reply>>} */
  #waiting = new WeakMap();
  /** @type {string | null} the spec of the player that analyses, if there is one */
  player = null;

  /** @param {() => void} onChange called whenever something is known that was not */
  constructor(onChange) {
    this.onChange = onChange;
  }

  /** @param {Position} position */
  of(position) {
    return this.#replies.get(position);
  }

  /**
   * Takes what a player answered, if it is the one that analyses.
   * @param {Position} position @param {Reply} reply @param {string | null} player
   */
  learn(position, reply, player) {
    if (player !== this.player) return;
    this.#replies.set(position, reply);
    this.onChange();
  }

  /**
   * The reply for the position after `ply` moves; asks for it if it is not known.
   * @param {Game} game @param {number} ply
   */
  async request(game, ply) {
    const position = game.positions[ply];
    const known = this.of(position) ?? this.#waiting.get(position);
    if (known) return known;
    const question = { board: game.board, actions: game.actions.slice(0, ply), player: this.player };
    const waiting = suggest(question);
    this.#waiting.set(position, waiting);
    try {
      const reply = await waiting;
      this.learn(position, reply, this.player);
      return reply;
    } finally {
      this.#waiting.delete(position);
    }
  }

  /**
   * Requests all positions of a game, one after another, until `signal` says stop.
   * @param {Game} game @param {AbortSignal} signal
   */
  async requestAll(game, signal) {
    for (let ply = 0; ply <= game.length && !signal.aborted; ply++) {
      if (game.positions[ply].isOver) continue;
      await this.#patiently(() => this.request(game, ply), signal);
    }
  }

  /** @param {() => Promise<Reply>} request @param {AbortSignal} signal */
  async #patiently(request, signal) {
    for (;;) {
      try {
        return await request();
      } catch (error) {
        if (!(error instanceof NoAnswer && error.again) || signal.aborted) throw error;
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    }
  }

  /**
   * The chance of player 1 to win at a position, or null if it is not known.
   * @param {Position} position
   */
  chanceOfFirst(position) {
    if (position.winner !== null) return [0.5, 1, 0][position.winner];
    const reply = this.of(position);
    if (!reply) return null;
    const chance = chanceOf(reply.value);
    return position.turn === 1 ? chance : 1 - chance;
  }

  /**
   * How much of the chance to win move `k` lost, 0 to 1, or null if it is not known.
   * @param {Game} game @param {number} k
   */
  lossOf(game, k) {
    const before = this.chanceOfFirst(game.positions[k]);
    const after = this.chanceOfFirst(game.positions[k + 1]);
    if (before === null || after === null) return null;
    const best = this.of(game.positions[k])?.move === game.actions[k];
    if (best) return 0;
    return Math.max(0, game.positions[k].turn === 1 ? before - after : after - before);
  }

  /** The numbers of the moves that were mistakes, 0 for the first move. @param {Game} game */
  mistakes(game) {
    return game.actions.map((_, k) => k).filter((k) => (this.lossOf(game, k) ?? 0) >= MISTAKE);
  }
}
