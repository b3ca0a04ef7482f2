// What the search thinks of positions: asked for in the background, deeper while the reader stays,
// and what follows of it for the moves.

import { NoAnswer, messageOf, suggest } from "./server.js";
/** @import { GameNode } from "./game.js" */
/** @import { Position } from "./rules.js" */
/** @import { Reply } from "./server.js" */
/** @import { State } from "./state.js" */
/** @import { Store } from "./store.js" */

/** Moves that lose at least so much of the chance to win. */
export const INACCURACY = 0.05, MISTAKE = 0.1, BLUNDER = 0.2;
const ONLY_MOVE = 0.15; // so much worse is each other move, where one is called good

const FIRST_LOOK = 100, DEEPEST = 6400; // simulations
const STALE = 2; // replies in a row that know no more: the server may have forgotten its tree once
const AT_ONCE = 2, SETTLE_MS = 200, RETRY_MS = 1000;

/** The chance of winning that belongs to an expected result of -1 to 1. @param {number} value */
export const chanceOf = (value) => (1 + value) / 2;

/** How often the search of a reply tried a move. @param {Reply} reply */
export const triesOf = ({ visits }) => Object.values(visits).reduce((sum, n) => sum + n, 0);

/** The points by which the player to move wins, if a reply is a solution; null if not. @param {Reply} reply */
export const mostOf = ({ margins }) => (margins ? Math.max(...Object.values(margins)) : null);

/**
 * What is known of a position.
 * @typedef {{ reply: Reply, isWhole: boolean, stale: number }} Known
 *   isWhole: by a whole search, stale: how many replies in a row knew no more
 * @typedef {"blunder" | "mistake" | "inaccuracy" | "good"} Judgement
 */

export class Analysis {
  /** @type {WeakMap<Position, Known>} */
  #known = new WeakMap();
  /** @type {Map<GameNode, AbortController>} */
  #running = new Map();
  #store;
  #timer = 0;
  #settled = false;

  /** @param {Store<State>} store */
  constructor(store) {
    this.#store = store;
    store.follow((state, before) => this.#follow(state, before));
  }

  /** The spec of the player that analyses, if there is one. */
  get player() {
    return this.#store.state.offers[0]?.spec ?? null;
  }

  /** @param {Position} position */
  of(position) {
    return this.#known.get(position)?.reply;
  }

  /**
   * Takes what a player answered, if it is the one that analyses.
   * @param {GameNode} node @param {Reply} reply @param {string | null} player @param {boolean} [isWhole]
   */
  learn({ position }, reply, player, isWhole = true) {
    if (player !== this.player) return;
    const before = this.#known.get(position);
    const tries = triesOf(reply), grew = !before || tries > triesOf(before.reply);
    if (before?.reply.outlook && !reply.outlook) reply.outlook = before.reply.outlook;
    this.#known.set(position, {
      reply: grew || !before ? reply : before.reply,
      isWhole: isWhole || before?.isWhole === true,
      stale: !reply.simulations || tries >= DEEPEST ? STALE : grew ? 0 : before.stale + 1,
    });
    this.#store.set({ news: this.#store.state.news + 1 });
  }

  /** Whether a whole search was made of a position, or none is needed. @param {GameNode} node */
  isDone({ position }) {
    return position.isOver || this.#known.get(position)?.isWhole === true;
  }

  /** The reply for a position; asks for it if it is not known. @param {GameNode} node */
  async request(node) {
    if (!this.isDone(node)) await this.#ask(node);
    return /** @type {Reply} */ (this.of(node.position));
  }

  // --- In the background -------------------------------------------------------------------------

  /** @param {State} state @param {State} before */
  #follow(state, before) {
    const isAbout = (/** @type {State} */ { analysing, lesson, game, shown, offers }) => [analysing, lesson, game.tip, shown, offers];
    const old = isAbout(before);
    if (isAbout(state).every((part, i) => part === old[i])) return;
    if (state.problem) this.#store.set({ problem: null });
    this.#settled = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#settled = true;
      this.#goOn();
    }, SETTLE_MS);
  }

  /** Begins what is to be asked next. */
  #goOn() {
    const { state } = this.#store;
    const wanted = this.#wanted(state);
    for (const [node, controller] of this.#running) {
      if (!wanted.includes(node)) controller.abort();
    }
    for (const node of wanted) {
      if (this.#running.size >= AT_ONCE) return;
      if (!this.#running.has(node)) this.#work(node);
    }
  }

  /** The positions to analyse, the most urgent one first. @param {State} state @returns {GameNode[]} */
  #wanted({ analysing, lesson, game, shown, problem }) {
    if (!this.player || (problem && !problem.again) || !(analysing || lesson)) return [];
    const shownLine = lesson ? [] : game.lineThrough(shown);
    const urgent = [shown, ...(lesson?.tried ? [lesson.tried] : [])];
    const line = [...urgent, ...game.line, ...shownLine].filter((node) => !this.isDone(node));
    const deeper = analysing && !lesson && this.#settled && (this.#known.get(shown.position)?.stale ?? 0) < STALE;
    if (!line.length && deeper && !shown.position.isOver) line.push(shown);
    return [...new Set(line)];
  }

  /** @param {GameNode} node */
  async #work(node) {
    const isFirst = node === this.#store.state.shown && !this.of(node.position), controller = new AbortController();
    this.#running.set(node, controller);
    try {
      await this.#ask(node, isFirst ? FIRST_LOOK : undefined, controller.signal);
      if (this.#store.state.problem?.again) this.#store.set({ problem: null });
    } catch (error) {
      if (!(error instanceof DOMException)) await this.#report(error);
    }
    if (this.#running.get(node) === controller) this.#running.delete(node);
    this.#goOn();
  }

  /** Says what is wrong, until the next reply, and waits where asking again may help. @param {unknown} error */
  async #report(error) {
    const again = error instanceof NoAnswer && error.again;
    this.#store.set({ problem: { text: `${messageOf(error)}.${again ? " Asking again …" : ""}`, again } });
    if (again) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }

  /**
   * @param {GameNode} node @param {number} [simulations] all that the player has if left out
   * @param {AbortSignal} [signal]
   */
  async #ask(node, simulations, signal) {
    const { game: { board } } = this.#store.state, player = /** @type {string} */ (this.player);
    const outlook = !this.of(node.position)?.outlook, actions = node.actions();
    const reply = await suggest({ board, actions, player, outlook, simulations, signal });
    this.learn(node, reply, player, simulations === undefined);
  }

  // --- What follows ------------------------------------------------------------------------------

  /** How many positions of a line are known, and how many there are. @param {GameNode[]} line */
  progress(line) {
    return { done: line.filter((node) => this.isDone(node)).length, of: line.length };
  }

  /** The chance of player 1 to win at a position, or null if it is not known. @param {Position} position */
  chanceOfFirst(position) {
    if (position.winner !== null) return [0.5, 1, 0][position.winner];
    const reply = this.of(position);
    if (!reply) return null;
    const chance = chanceOf(reply.value);
    return position.turn === 1 ? chance : 1 - chance;
  }

  /** How much of the chance to win a move lost, 0 to 1, or null if it is not known. @param {GameNode} node after it */
  lossOf({ parent, action, position }) {
    if (!parent) return null;
    const before = this.chanceOfFirst(parent.position), after = this.chanceOfFirst(position);
    if (before === null || after === null) return null;
    if (this.of(parent.position)?.move === action) return 0;
    return Math.max(0, parent.position.turn === 1 ? before - after : after - before);
  }

  /** What is to be said of a move, if anything. @param {GameNode} node after it @returns {Judgement | null} */
  judgementOf(node) {
    const loss = this.lossOf(node);
    if (loss === null || !node.parent) return null;
    if (loss >= INACCURACY) return loss >= BLUNDER ? "blunder" : loss >= MISTAKE ? "mistake" : "inaccuracy";
    const reply = this.of(node.parent.position);
    if (!reply || reply.move !== node.action || Math.abs(reply.value) > 0.98) return null;
    const others = Object.keys(reply.visits).filter((action) => Number(action) !== node.action);
    const best = Math.max(...others.map((action) => chanceOf(reply.q[action])));
    return others.length && chanceOf(reply.value) - best >= ONLY_MOVE ? "good" : null;
  }

  /** Whether another player was ahead after a move than before. @param {GameNode} node after it */
  isTurningPoint(node) {
    const before = node.parent && this.chanceOfFirst(node.parent.position), after = this.chanceOfFirst(node.position);
    if (before === null || after === null) return false;
    return (before - 0.5) * (after - 0.5) < 0 && Math.abs(before - after) >= INACCURACY;
  }

  /** The mistakes of a line, as the nodes after them. @param {GameNode[]} line @param {number} [player] whose; 0 for both */
  mistakes(line, player = 0) {
    return line.filter((node) => (this.lossOf(node) ?? 0) >= MISTAKE && (!player || node.mover === player));
  }
}
