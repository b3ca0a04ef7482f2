// The rules of Flagz, so that the page needs a server for moves and analysis only.
//
// Cells are numbered row * 10 + col on a grid of 11 rows, of which odd ones lack the last cell;
// an action is a cell for a flag, or 110 + cell for a normal move. Players are 1 and 2.

export const ROWS = 11, COLS = 10, GRID = ROWS * COLS;
export const MAX_VALUE = 5, FLAGS_PER_PLAYER = 3;
const NUM_ROCKS = 15, NUM_GRASS = 5;
const LETTERS = "abcdefghij";

export const rowOf = (cell) => Math.floor(cell / COLS);
export const colOf = (cell) => cell % COLS;
const exists = (row, col) => row >= 0 && row < ROWS && col >= 0 && col < COLS - (row % 2);

/** The 105 cells, row by row. */
export const CELLS = Array.from({ length: GRID }, (_, i) => i).filter((i) => exists(rowOf(i), colOf(i)));

export const NEIGHBOURS = Array.from({ length: GRID }, (_, cell) => {
  const row = rowOf(cell), col = colOf(cell), shift = row % 2;
  if (!exists(row, col)) return [];
  return [
    [row, col + 1], [row - 1, col + shift], [row - 1, col - 1 + shift],
    [row, col - 1], [row + 1, col - 1 + shift], [row + 1, col + shift],
  ].filter(([r, c]) => exists(r, c)).map(([r, c]) => r * COLS + c);
});

// --- Actions and their notation ------------------------------------------------------------------

export const flagAction = (cell) => cell;
export const normalAction = (cell) => GRID + cell;
export const isFlag = (action) => action < GRID;
export const cellOf = (action) => action % GRID;
export const opponentOf = (player) => 3 - player;

/** "d5": the fourth cell of the fifth row from the top. */
export const cellName = (cell) => LETTERS[colOf(cell)] + (rowOf(cell) + 1);
/** "d5", or "Fd5" for a flag. */
export const notation = (action) => (isFlag(action) ? "F" : "") + cellName(cellOf(action));

/** The action of a notation; throws an Error if there is none. */
export function parseNotation(text) {
  const match = /^(f?)([a-j])(\d{1,2})$/i.exec(text);
  const row = match ? Number(match[3]) - 1 : -1;
  const col = match ? LETTERS.indexOf(match[2].toLowerCase()) : -1;
  if (!exists(row, col)) throw new Error(`“${text}” is no move: expected one like d5 or Fd5.`);
  return row * COLS + col + (match[1] ? 0 : GRID);
}

// --- Positions -----------------------------------------------------------------------------------

/** A position. It never changes: play() returns the next one. */
export class Position {
  /** From 105 characters, row by row: `.` empty, `#` rock, `1` to `5` grass. Throws an Error. */
  static fromText(text) {
    if (typeof text !== "string" || !/^[.#1-5]{105}$/.test(text)) {
      throw new Error("A board has 105 characters, each one of .#12345.");
    }
    const cells = Array(GRID).fill(null);
    CELLS.forEach((cell, i) => {
      const char = text[i];
      if (char === ".") cells[cell] = { kind: "empty", owner: 0, value: 0 };
      else if (char === "#") cells[cell] = { kind: "rock", owner: 0, value: 0 };
      else cells[cell] = { kind: "grass", owner: 0, value: Number(char) };
    });
    const position = new Position(cells, [FLAGS_PER_PLAYER, FLAGS_PER_PLAYER], 0);
    position.#settle(2);
    return position;
  }

  constructor(cells, flagsLeft, moveNumber) {
    this.cells = cells;
    this.flagsLeft = flagsLeft;
    this.moveNumber = moveNumber;
  }

  flagsOf(player) {
    return this.flagsLeft[player - 1];
  }

  scoreOf(player) {
    return this.score[player - 1];
  }

  /** What a player would place: 1 to 5, 0 without an own neighbour, -1 next to an own 5. */
  nextValue(player, cell) {
    const values = NEIGHBOURS[cell].map((i) => this.cells[i])
      .filter(({ owner }) => owner === player).map(({ value }) => value);
    if (values.length === 0) return 0;
    return values.includes(MAX_VALUE) ? -1 : 1 + Math.min(...values);
  }

  normalMoves(player) {
    return this.#empty().filter((cell) => this.nextValue(player, cell) > 0).map(normalAction);
  }

  legalActions() {
    if (this.isOver) return [];
    const flags = this.flagsOf(this.turn) > 0 ? this.#empty().map(flagAction) : [];
    return [...flags, ...this.normalMoves(this.turn)];
  }

  isLegal(action) {
    const cell = cellOf(action);
    if (this.isOver || this.cells[cell]?.kind !== "empty") return false;
    return isFlag(action) ? this.flagsOf(this.turn) > 0 : this.nextValue(this.turn, cell) > 0;
  }

  /** The grass that a normal move takes: [{cell, step}], step 1 for what the placed cell takes. */
  captures(action) {
    if (isFlag(action)) return [];
    const taken = [];
    const takeFrom = (from, value, step) => {
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

  /** The position after a legal action; throws an Error on others. */
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
    const next = new Position(cells, flagsLeft, this.moveNumber + 1);
    next.#settle(player);
    return next;
  }

  #empty() {
    return CELLS.filter((cell) => this.cells[cell].kind === "empty");
  }

  #canMove(player) {
    const empty = this.#empty();
    return empty.length > 0
      && (this.flagsOf(player) > 0 || empty.some((cell) => this.nextValue(player, cell) > 0));
  }

  /** Works out the score, who moves after `mover`, and whether the game is over. */
  #settle(mover) {
    this.score = [1, 2].map((player) => this.cells.reduce(
      (sum, cell) => sum + (cell?.owner === player ? cell.value : 0), 0));
    const can = { 1: this.#canMove(1), 2: this.#canMove(2) };
    const lead = this.score[0] - this.score[1];
    this.turn = can[opponentOf(mover)] ? opponentOf(mover) : mover;
    this.isOver = (!can[1] && !can[2]) || (!can[1] && lead < 0) || (!can[2] && lead > 0);
    this.winner = this.isOver ? (lead > 0 ? 1 : lead < 0 ? 2 : 0) : null;
  }
}

// --- Start positions -----------------------------------------------------------------------------

const MASK = (1n << 64n) - 1n;

/** SplitMix64; the same numbers as in the engine, so that a seed means the same board everywhere. */
function* randomNumbers(state) {
  for (;;) {
    state = (state + 0x9E3779B97F4A7C15n) & MASK;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xBF58476D1CE4E5B9n) & MASK;
    z = ((z ^ (z >> 27n)) * 0x94D049BB133111EBn) & MASK;
    yield z ^ (z >> 31n);
  }
}

const first = (state) => randomNumbers(state).next().value;

/** The board of a seed, a BigInt of 64 bits, as text. */
export function randomBoard(seed) {
  const numbers = randomNumbers(first(first(seed)));
  const free = CELLS.slice();
  const chars = new Map(CELLS.map((cell) => [cell, "."]));
  for (let i = 0; i < NUM_ROCKS + NUM_GRASS; i++) {
    const bits = numbers.next().value >> 32n;
    const [cell] = free.splice(Number((bits * BigInt(free.length)) >> 32n), 1);
    chars.set(cell, i < NUM_ROCKS ? "#" : String(i - NUM_ROCKS + 1));
  }
  return [...chars.values()].join("");
}
