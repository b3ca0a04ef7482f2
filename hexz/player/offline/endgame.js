// Exact solutions of positions that separated territories decide, as in hexz/engine/endgame.pyx, which
// explains them: each player fills a territory of its own, and only the score ties the two together.

import { CELLS, normalAction } from "./cells.js";
import { MAX_VALUE, NEIGHBOURS } from "./rules.js";
/** @import { Position } from "./rules.js" */

// As there and in hexz/player/searcher.py.
const MAX_TERRITORY = 42, SOLVE_NODES = 10_000;
// What a state says of a cell: 1 to 5 would be placed there now, or
const LOST = 0, NOT_YET = 6, GRASS = 7;
const INFINITE = 1000;
// Of a hash table, with room to spare; as many as 16 bits of a hash tell apart.
const SLOTS = 1 << 16;

class TooExpensive extends Error {}

// Moves of a solitaire are whole numbers, since so many objects would keep the garbage collector busy.
/** @param {number} gain @param {number} cell @param {number} child its number */
const edgeOf = (gain, cell, child) => (gain << 23) | (cell << 16) | child;
/** @param {number} edge */
const gainBy = (edge) => edge >> 23;
/** @param {number} edge */
const cellBy = (edge) => (edge >> 16) & 127;
/** @param {number} edge */
const childBy = (edge) => edge & 65535;

/**
 * @typedef {Uint8Array} State of a territory, by its cells
 * @typedef {{ number: number, state: State, most: number, isStuck: boolean, edges: number[] | null }} Solitaire
 *   most: the player cannot gain more than this
 * @typedef {{ move: number, margin: number, values: Map<number, number>, line: number[] }} Solution
 *   margin: the points by which the player to move wins; values: the same after each of the moves
 */

/** Cells of one player. What can never be got any more does not tell states apart. */
class Territory {
  /** @type {number[][]} */
  #around;
  /** @type {number[]} of grass */
  #worth;
  /** @type {Map<string, Solitaire>} */
  #known = new Map();
  /** @type {Solitaire[]} by number */
  solitaires = [];

  /** @param {Position} position @param {number} player 1 or 2 @param {number[]} cells */
  constructor(position, player, cells) {
    this.player = player;
    this.cells = cells;
    const places = new Map(cells.map((cell, i) => [cell, i]));
    this.#around = cells.map((cell) => NEIGHBOURS[cell].flatMap((other) => places.get(other) ?? []));
    this.#worth = cells.map((cell) => position.cells[cell].value);
  }

  /** @param {Position} position @returns {State} */
  stateOf(position) {
    return Uint8Array.from(this.cells, (cell) => {
      const { kind } = position.cells[cell], next = kind === "empty" ? position.nextValue(this.player, cell) : -1;
      return kind === "grass" ? GRASS : next < 0 ? LOST : next || NOT_YET;
    });
  }

  /** The same without what the player can never get; perhaps too little goes, never too much. @param {State} state @returns {State} */
  cut(state) {
    const taken = new Uint8Array(state.length);
    let reach = this.#reach(state, taken);
    while (this.#take(state, reach, taken)) reach = this.#reach(state, taken);
    return state.map((entry, i) => (reach[i] ? entry : LOST));
  }

  /** The grass that is taken, and the cells that the player may ever place on, by the lowest values that they can get. @param {State} state @param {Uint8Array} taken */
  #reach(state, taken) {
    const reach = new Uint8Array(state.length), queue = /** @type {number[]} */ ([]);
    const add = (/** @type {number} */ i) => {
      reach[i] = 1;
      queue.push(i);
    };
    for (let value = 1, next = 0; value <= MAX_VALUE; value++) {
      const end = queue.length; // from `next` up to here are those of value - 1
      for (let i = 0; i < state.length; i++) {
        if (taken[i] ? this.#worth[i] === value : state[i] === value && !reach[i]) add(i);
      }
      for (; next < end; next++) {
        for (const other of this.#around[queue[next]]) {
          if (!reach[other] && state[other] && state[other] !== GRASS) add(other);
        }
      }
    }
    return reach;
  }

  /** Takes more grass; returns whether there was any. @param {State} state @param {Uint8Array} reach @param {Uint8Array} taken */
  #take(state, reach, taken) {
    let more = false;
    for (let i = 0; i < state.length; i++) {
      if (state[i] !== GRASS || taken[i]) continue;
      const worth = this.#worth[i];
      if (this.#around[i].some((other) => (taken[other] ? this.#worth[other] : reach[other] && state[other]) >= worth)) {
        taken[i] = 1;
        more = true;
      }
    }
    return more;
  }

  /** Moves in a state; returns what the player gains. @param {State} state @param {number} i */
  #place(state, i) {
    const placed = [i];
    let gain = 0;
    for (const from of placed) {
      const value = state[from] === GRASS ? this.#worth[from] : state[from];
      gain += value;
      state[from] = LOST;
      for (const other of this.#around[from]) {
        const now = state[other];
        if (now === GRASS) {
          if (this.#worth[other] <= value && !placed.includes(other)) placed.push(other);
        } else if (now) state[other] = value === MAX_VALUE ? LOST : Math.min(now, value + 1);
      }
    }
    return gain;
  }

  /** The one solitaire of a state. @param {State} state @param {() => void} count is called if it is new */
  solitaireOf(state, count) {
    const key = keyOf(state), known = this.#known.get(key);
    if (known) return known;
    const less = this.cut(state), solitaire = this.#known.get(keyOf(less)) ?? this.#make(less, count);
    this.#known.set(key, solitaire).set(keyOf(less), solitaire);
    return solitaire;
  }

  /** @param {State} state @param {() => void} count @returns {Solitaire} */
  #make(state, count) {
    count();
    let most = 0;
    for (let i = 0; i < state.length; i++) most += state[i] === GRASS ? this.#worth[i] : Math.min(state[i], MAX_VALUE);
    const made = { number: this.solitaires.length, state, most, isStuck: most === 0, edges: null };
    this.solitaires.push(made);
    return made;
  }

  /** Those that gain most first; of equal cells that nothing borders on any more, only one. @param {Solitaire} solitaire @param {() => void} count */
  edgesOf({ state }, count) {
    const edges = [], after = new Uint8Array(state.length);
    let alone = 0;
    for (let i = 0; i < state.length; i++) {
      if (!state[i] || state[i] > MAX_VALUE) continue;
      if (!this.#around[i].some((other) => state[other])) {
        if ((alone >> state[i]) & 1) continue;
        alone |= 1 << state[i];
      }
      after.set(state);
      const gain = this.#place(after, i);
      edges.push(edgeOf(gain, this.cells[i], this.solitaireOf(after, count).number));
    }
    return edges.sort((a, b) => gainBy(b) - gainBy(a));
  }
}

/** Five cells in each character. @param {State} state */
function keyOf(state) {
  let key = "";
  for (let i = 0; i < state.length; i += 5) {
    let bits = 0;
    for (let j = i; j < i + 5; j++) bits = bits * 8 + (state[j] ?? 0);
    key += String.fromCharCode(bits);
  }
  return key;
}

/** What is known of positions, each a solitaire of both players, the lead of the one who moves, and who that is. */
class Table {
  #keys = new Float64Array(SLOTS).fill(-1);
  #size = 0;
  // Bounds of the mover's margin, and the place of the edge that proved the lower one.
  lower = new Int16Array(SLOTS).fill(-INFINITE);
  upper = new Int16Array(SLOTS).fill(INFINITE);
  best = new Uint8Array(SLOTS);

  /** The slot of a position. @param {Solitaire} mine @param {Solitaire} theirs @param {number} mover @param {number} lead */
  slotOf(mine, theirs, mover, lead) {
    const rest = (lead + INFINITE) * 2 + mover, key = (mine.number * SLOTS + theirs.number) * 4 * INFINITE + rest;
    let slot = Math.imul(Math.imul(mine.number, 0x9E3779B1) ^ Math.imul(theirs.number, 0x85EBCA6B) ^ rest, 0xC2B2AE35) >>> 16;
    while (this.#keys[slot] !== key) {
      if (this.#keys[slot] < 0) {
        if (this.#size++ >= SOLVE_NODES) throw new TooExpensive();
        this.#keys[slot] = key;
        return slot;
      }
      slot = (slot + 1) % SLOTS;
    }
    return slot;
  }
}

class Solver {
  #territories;
  #table = new Table();
  #left = SOLVE_NODES;
  #count = () => {
    if (this.#left-- <= 0) throw new TooExpensive();
  };

  /** @param {Territory[]} territories */
  constructor(territories) {
    this.#territories = territories;
  }

  /** @param {Solitaire} mine @param {Solitaire} theirs @param {number} mover @param {number} lead @param {number} alpha @param {number} beta @returns {number} */
  #afterMove(mine, theirs, mover, lead, alpha, beta) {
    if ((theirs.isStuck && (lead > 0 || mine.isStuck)) || (mine.isStuck && lead < 0)) return lead;
    if (theirs.isStuck) return this.#search(mine, theirs, mover, lead, alpha, beta);
    return -this.#search(theirs, mine, 1 - mover, -lead, -beta, -alpha);
  }

  /**
   * The margin of the player to move, who leads by `lead` and has a move: exact between alpha and beta, else a bound.
   * @param {Solitaire} mine @param {Solitaire} theirs @param {number} mover @param {number} lead @param {number} alpha @param {number} beta @returns {number}
   */
  #search(mine, theirs, mover, lead, alpha, beta) {
    if (lead + mine.most <= alpha) return lead + mine.most;
    if (lead - theirs.most >= beta) return lead - theirs.most;
    const { lower, upper, best: bests } = this.#table, slot = this.#table.slotOf(mine, theirs, mover, lead);
    if (lower[slot] >= beta || lower[slot] === upper[slot]) return lower[slot];
    if (upper[slot] <= alpha) return upper[slot];
    const territory = this.#territories[mover], bound = Math.max(alpha, lower[slot]), first = bests[slot];
    mine.edges ??= territory.edgesOf(mine, this.#count);
    let best = -INFINITE, bestEdge = 0;
    for (let i = 0; i < mine.edges.length && best < beta; i++) {
      const place = i === 0 ? first : i <= first ? i - 1 : i, edge = mine.edges[place];
      const after = territory.solitaires[childBy(edge)];
      const value = this.#afterMove(after, theirs, mover, lead + gainBy(edge), Math.max(bound, best), beta);
      if (value > best) {
        best = value;
        bestEdge = place;
      }
    }
    if (best > bound) {
      lower[slot] = best;
      bests[slot] = bestEdge;
    }
    if (best < beta) upper[slot] = best;
    return best;
  }

  /** The margin of the player to move, and a move that reaches it. @param {Position} position */
  solve(position) {
    const mover = position.turn - 1, lead = (position.score[0] - position.score[1]) * (mover ? -1 : 1);
    const [one, two] = this.#territories.map((territory) => territory.solitaireOf(territory.stateOf(position), this.#count));
    const [mine, theirs] = mover ? [two, one] : [one, two];
    const margin = this.#search(mine, theirs, mover, lead, -INFINITE, INFINITE);
    const best = mine.edges?.[this.#table.best[this.#table.slotOf(mine, theirs, mover, lead)]] ?? 0;
    return { margin, move: normalAction(cellBy(best)) };
  }

  /** The margin after a move, of the player who makes it. @param {Position} position @param {number} move */
  after(position, move) {
    const next = position.play(move), sign = position.turn === 1 ? 1 : -1;
    if (next.isOver) return sign * (next.score[0] - next.score[1]);
    const { margin } = this.solve(next);
    return next.turn === position.turn ? margin : -margin;
  }
}

/** What each player may ever get; null if they share any of it, or it is too much. @param {Position} position */
function territoriesOf(position) {
  if (position.flagsLeft.some((flags) => flags > 0)) return null;
  const found = [1, 2].map((player) => {
    const board = new Territory(position, player, CELLS), state = board.cut(board.stateOf(position));
    return new Territory(position, player, CELLS.filter((_, i) => state[i] !== LOST));
  });
  const apart = new Set(found.flatMap(({ cells }) => cells)).size === found[0].cells.length + found[1].cells.length;
  return apart && found.every(({ cells }) => cells.length <= MAX_TERRITORY) ? found : null;
}

/** The solution of a position that is not over; null if none is found. @param {Position} position @returns {Solution | null} */
export function solve(position) {
  const territories = territoriesOf(position);
  if (!territories) return null;
  const solver = new Solver(territories);
  try {
    const { margin, move } = solver.solve(position);
    const values = new Map(position.legalActions().map((action) => [action, solver.after(position, action)]));
    const line = [];
    for (let here = position; !here.isOver; here = here.play(line[line.length - 1])) line.push(solver.solve(here).move);
    return { move, margin, values, line };
  } catch (error) {
    if (error instanceof TooExpensive) return null;
    throw error;
  }
}
