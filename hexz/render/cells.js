// The cells of the board, the actions on them, and what people call both.
//
// Cells are numbered row * 10 + col on a grid of 11 rows, of which odd ones lack the last cell;
// an action is a cell for a flag, or 110 + cell for a normal move. Players are 1 and 2.

export const ROWS = 11, COLS = 10, GRID = ROWS * COLS;
const LETTERS = "abcdefghij";

/** What players 1 and 2 are called. */
export const COLOURS = ["", "Blue", "Orange"];

/** @typedef {"empty" | "rock" | "grass" | "flag" | "cell" | "none"} Kind */
/** @typedef {{ kind: Kind, owner: number, value: number }} Content what is on a cell */

/** @param {number} cell */
export const rowOf = (cell) => Math.floor(cell / COLS);
/** @param {number} cell */
export const colOf = (cell) => cell % COLS;
/** @param {number} row @param {number} col */
export const exists = (row, col) => row >= 0 && row < ROWS && col >= 0 && col < COLS - (row % 2);

/** The 105 cells, row by row. */
export const CELLS = Array.from({ length: GRID }, (_, i) => i).filter((i) => exists(rowOf(i), colOf(i)));

/** @param {number} cell */
export const flagAction = (cell) => cell;
/** @param {number} cell */
export const normalAction = (cell) => GRID + cell;
/** @param {number} action */
export const isFlag = (action) => action < GRID;
/** @param {number} action */
export const cellOf = (action) => action % GRID;
/** @param {number} player */
export const opponentOf = (player) => 3 - player;

/** "d5": the fourth cell of the fifth row from the top. @param {number} cell */
export const cellName = (cell) => LETTERS[colOf(cell)] + (rowOf(cell) + 1);
/** "d5", or "Fd5" for a flag. @param {number} action */
export const notation = (action) => (isFlag(action) ? "F" : "") + cellName(cellOf(action));

/** The action of a notation; throws an Error if there is none. @param {string} text */
export function parseNotation(text) {
  const [, flag, letter, number] = /^(f?)([a-j])(\d{1,2})$/i.exec(text) ?? ["", "", "?", "0"];
  const row = Number(number) - 1, col = LETTERS.indexOf(letter.toLowerCase());
  if (!exists(row, col)) throw new Error(`“${text}” is no move: expected one like d5 or Fd5.`);
  return row * COLS + col + (flag ? 0 : GRID);
}

/**
 * What a character of a start position means: `.` empty, `#` rock, `1` to `5` grass.
 * @param {string} char
 * @returns {Content}
 */
export function startContent(char) {
  if (char === ".") return { kind: "empty", owner: 0, value: 0 };
  if (char === "#") return { kind: "rock", owner: 0, value: 0 };
  return { kind: "grass", owner: 0, value: Number(char) };
}

/** The drawing `#hz-NAME` of a content. @param {Content} content */
export const drawingOf = ({ kind, owner }) => (owner ? `${kind}${owner}` : kind);
