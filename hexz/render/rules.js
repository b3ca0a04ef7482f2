// The rules of Flagz, so that the page needs a server for moves and analysis only.

import {
  CELLS, COLS, GRID, cellOf, colOf, exists, flagAction, isFlag, normalAction, notation, opponentOf, rowOf,
  startContent,
} from "./cells.js";
/** @import { Content } from "./cells.js" */

export const MAX_VALUE = 5;
const FLAGS_PER_PLAYER = 3;
const NUM_ROCKS = 15, NUM_GRASS = 5;

/** The cells around each cell. */
export const NEIGHBOURS = Array.from({ length: GRID }, (_, cell) => {
  const row = rowOf(cell), col = colOf(cell), shift = row % 2;
  return [
    [row, col + 1], [row - 1, col + shift], [row - 1, col - 1 + shift],
    [row, col - 1], [row + 1, col - 1 + shift], [row + 1, col + shift],
  ].filter(([r, c]) => exists(r, c)).map(([r, c]) => r * COLS + c);
});

// --- Positions -----------------------------------------------------------------------------------

/** A position. It never changes: play() returns the next one. */
export class Position {
  /** From 105 characters; throws an Error. @param {unknown} text */
  static fromText(text) {
    if (typeof text !== "string" || !/^[.#1-5]{105}$/.test(text)) {
      throw new Error("A board has 105 characters, each one of .#12345.");
    }
    /** @type {Content[]} */
    const cells = Array(GRID).fill({ kind: "none", owner: 0, value: 0 });
    CELLS.forEach((cell, i) => { cells[cell] = startContent(text[i]); });
    return new Position(cells, [FLAGS_PER_PLAYER, FLAGS_PER_PLAYER], 0, 2);
  }

  /**
   * @param {Content[]} cells
   * @param {number[]} flagsLeft
   * @param {number} moveNumber
   * @param {number} mover who made the last move
   */
  constructor(cells, flagsLeft, moveNumber, mover) {
    this.cells = cells;
    this.flagsLeft = flagsLeft;
    this.moveNumber = moveNumber;
    this.score = [1, 2].map((player) => cells.reduce(
      (sum, { owner, value }) => sum + (owner === player ? value : 0), 0));
    const can = [false, this.canMove(1), this.canMove(2)];
    const lead = this.score[0] - this.score[1];
    this.turn = can[opponentOf(mover)] ? opponentOf(mover) : mover;
    this.isOver = (!can[1] && !can[2]) || (!can[1] && lead < 0) || (!can[2] && lead > 0);
    /** 1, 2, 0 for a draw, or null while the game goes on. */
    this.winner = this.isOver ? (lead > 0 ? 1 : lead < 0 ? 2 : 0) : null;
  }

  /** @param {number} player */
  flagsOf(player) {
    return this.flagsLeft[player - 1];
  }

  /**
   * What a player would place: 1 to 5, 0 without an own neighbour, -1 next to an own 5.
   * @param {number} player @param {number} cell
   */
  nextValue(player, cell) {
    const values = NEIGHBOURS[cell].map((i) => this.cells[i])
      .filter(({ owner }) => owner === player).map(({ value }) => value);
    if (values.length === 0) return 0;
    return values.includes(MAX_VALUE) ? -1 : 1 + Math.min(...values);
  }

  /** @param {number} player */
  normalMoves(player) {
    return this.#empty().filter((cell) => this.nextValue(player, cell) > 0).map(normalAction);
  }

  legalActions() {
    if (this.isOver) return [];
    const flags = this.flagsOf(this.turn) > 0 ? this.#empty().map(flagAction) : [];
    return [...flags, ...this.normalMoves(this.turn)];
  }

  /** @param {number} action */
  isLegal(action) {
    const cell = cellOf(action);
    if (this.isOver || this.cells[cell]?.kind !== "empty") return false;
    return isFlag(action) ? this.flagsOf(this.turn) > 0 : this.nextValue(this.turn, cell) > 0;
  }

  /** The grass that a move takes, in steps: 1 for what the placed cell takes. @param {number} action */
  captures(action) {
    /** @type {{ cell: number, step: number }[]} */
    const taken = [];
    if (isFlag(action)) return taken;
    const takeFrom = (/** @type {number} */ from, /** @type {number} */ value, /** @type {number} */ step) => {
      for (const cell of NEIGHBOURS[from]) {
        const { kind, value: worth } = this.cells[cell];
        if (kind === "grass" && worth <= value && !taken.some((t) => t.cell === cell)) {
          taken.push({ cell, step });
        }
      }
    };
    takeFrom(cellOf(action), this.nextValue(this.turn, cellOf(action)), 1);
    for (let i = 0; i < taken.length; i++) {
      takeFrom(taken[i].cell, this.cells[taken[i].cell].value, taken[i].step + 1);
    }
    return taken;
  }

  /** The position after a legal action; throws an Error on others. @param {number} action */
  play(action) {
    if (!this.isLegal(action)) {
      throw new Error(`${notation(action)} is not allowed at move ${this.moveNumber + 1}.`);
    }
    const player = this.turn, cell = cellOf(action);
    const cells = this.cells.slice(), flagsLeft = this.flagsLeft.slice();
    if (isFlag(action)) flagsLeft[player - 1]--;
    cells[cell] = isFlag(action)
      ? { kind: "flag", owner: player, value: 0 }
      : { kind: "cell", owner: player, value: this.nextValue(player, cell) };
    for (const { cell: grass } of this.captures(action)) {
      cells[grass] = { kind: "cell", owner: player, value: cells[grass].value };
    }
    return new Position(cells, flagsLeft, this.moveNumber + 1, player);
  }

  #empty() {
    return CELLS.filter((cell) => this.cells[cell].kind === "empty");
  }

  /** Whether a player has a move, whoever's turn it is. @param {number} player */
  canMove(player) {
    const empty = this.#empty();
    return empty.length > 0
      && (this.flagsOf(player) > 0 || empty.some((cell) => this.nextValue(player, cell) > 0));
  }
}

// --- Start positions -----------------------------------------------------------------------------

const MASK = (1n << 64n) - 1n;

/** SplitMix64; the same numbers as in the engine, so that a seed means the same board
 * everywhere. @param {bigint} state */
function* randomNumbers(state) {
  for (;;) {
    state = (state + 0x9E3779B97F4A7C15n) & MASK;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xBF58476D1CE4E5B9n) & MASK;
    z = ((z ^ (z >> 27n)) * 0x94D049BB133111EBn) & MASK;
    yield z ^ (z >> 31n);
  }
}

/** @param {bigint} state */
const first = (state) => /** @type {bigint} */ (randomNumbers(state).next().value);

/** The board of a seed of 64 bits, as text. @param {bigint} seed */
export function randomBoard(seed) {
  const numbers = randomNumbers(first(first(seed)));
  const free = CELLS.slice();
  const chars = new Map(CELLS.map((cell) => [cell, "."]));
  for (let i = 0; i < NUM_ROCKS + NUM_GRASS; i++) {
    const bits = /** @type {bigint} */ (numbers.next().value) >> 32n;
    const [cell] = free.splice(Number((bits * BigInt(free.length)) >> 32n), 1);
    chars.set(cell, i < NUM_ROCKS ? "#" : String(i - NUM_ROCKS + 1));
  }
  return [...chars.values()].join("");
}
