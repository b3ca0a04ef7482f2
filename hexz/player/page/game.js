// A game: the board it started from, who plays, and the moves; as a link and as a file.

import { cellOf, notation, opponentOf, parseNotation } from "./cells.js";
import { Position, randomBoard } from "./rules.js";

export const PERSON = "person";
const MAX_SEED = (1n << 64n) - 1n;

/** The seed that somebody typed; throws an Error if it is none. @param {string} text */
export function parseSeed(text) {
  if (!/^\d{1,20}$/.test(text) || BigInt(text) > MAX_SEED) {
    throw new Error("A board number is a whole number from 0 to 18446744073709551615.");
  }
  return String(BigInt(text));
}

/** A seed that is short enough to tell somebody. */
export const someSeed = () => String(crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000);

export class Game {
  /**
   * Throws an Error on a board that is none, and on illegal moves.
   * @param {object} facts
   * @param {unknown} facts.board 105 characters
   * @param {string | null} [facts.seed] the number of the board, if it has one
   * @param {string[]} facts.players for each of the two, PERSON or the spec of a computer player
   * @param {number[]} [facts.actions]
   * @param {number} [facts.resigned] the player who gave up, or 0
   */
  constructor({ board, seed = null, players, actions = [], resigned = 0 }) {
    this.positions = [Position.fromText(board)];
    this.board = String(board);
    this.seed = seed;
    this.players = players;
    /** @type {number[]} */
    this.actions = [];
    this.resigned = 0;
    actions.forEach((action) => this.play(action));
    if (resigned) this.resign(resigned);
  }

  /** @param {string} seed @param {string[]} players */
  static fromSeed(seed, players) {
    return new Game({ board: randomBoard(BigInt(seed)), seed, players });
  }

  get length() {
    return this.actions.length;
  }

  get position() {
    return this.positions[this.length];
  }

  get isOver() {
    return this.resigned > 0 || this.position.isOver;
  }

  /** 1, 2, 0 for a draw, or null while the game goes on. */
  get winner() {
    return this.resigned ? opponentOf(this.resigned) : this.position.winner;
  }

  /** @param {number} player */
  isPerson(player) {
    return this.players[player - 1] === PERSON;
  }

  get isForPersons() {
    return this.players.every((player) => player === PERSON);
  }

  get isPersonsTurn() {
    return !this.isOver && this.isPerson(this.position.turn);
  }

  /** @param {number} action */
  play(action) {
    if (this.resigned) throw new Error("The game is over.");
    this.positions.push(this.position.play(action));
    this.actions.push(action);
  }

  /** @param {number} player */
  resign(player) {
    if (!this.isOver) this.resigned = player;
  }

  /** Takes back all moves but the first `length`, and a resignation. @param {number} length */
  truncate(length) {
    this.actions.length = length;
    this.positions.length = length + 1;
    this.resigned = 0;
  }

  /** How many moves are left after an undo: a person gets back to the last own decision. */
  get undoLength() {
    const persons = this.players.includes(PERSON);
    let length = this.length - (this.resigned ? 0 : 1);
    while (persons && length > 0 && !this.isPerson(this.positions[length].turn)) length--;
    return persons && length >= 0 && !this.isPerson(this.positions[length].turn) ? -1 : length;
  }

  /** The cells that move `k` (0 for the first) gave to its player, the placed one first. @param {number} k */
  changes(k) {
    const action = this.actions[k];
    return [{ cell: cellOf(action), step: 0 }, ...this.positions[k].captures(action)];
  }

  // --- Links and files ---------------------------------------------------------------------------

  /** For the part of an address after "#". */
  toLink() {
    const fields = new URLSearchParams(this.seed === null ? { board: this.board } : { seed: this.seed });
    fields.set("blue", this.players[0]);
    fields.set("orange", this.players[1]);
    if (this.length) fields.set("moves", this.actions.map(notation).join("-"));
    if (this.resigned) fields.set("resigned", String(this.resigned));
    return fields.toString();
  }

  /** Throws an Error. @param {string} text */
  static fromLink(text) {
    const fields = new URLSearchParams(text), number = fields.get("seed");
    const seed = number === null ? null : parseSeed(number);
    return new Game({
      board: seed === null ? fields.get("board") : randomBoard(BigInt(seed)),
      seed,
      players: [fields.get("blue") ?? PERSON, fields.get("orange") ?? PERSON],
      actions: (fields.get("moves") || "").split("-").filter(Boolean).map(parseNotation),
      resigned: checkedPlayer(fields.get("resigned")),
    });
  }

  toFile() {
    const { board, players, seed, resigned } = this;
    const data = { board, moves: this.actions.map(notation), players, seed: seed ?? undefined, resigned: resigned || undefined };
    return `${JSON.stringify(data, null, 1)}\n`;
  }

  /** Throws an Error. @param {string} text */
  static fromFile(text) {
    const data = JSON.parse(text);
    if (!Array.isArray(data?.moves)) throw new Error("It has no list of moves.");
    const seed = data.seed === undefined ? null : parseSeed(String(data.seed));
    if (seed !== null && randomBoard(BigInt(seed)) !== data.board) {
      throw new Error("Its board is not the one of its seed.");
    }
    return new Game({
      board: data.board,
      seed,
      players: [0, 1].map((i) => String(data.players?.[i] ?? PERSON)),
      actions: data.moves.map((/** @type {unknown} */ move) => parseNotation(String(move))),
      resigned: checkedPlayer(data.resigned),
    });
  }
}

/** @param {unknown} value */
function checkedPlayer(value) {
  const player = Number(value ?? 0);
  if (![0, 1, 2].includes(player)) throw new Error("Only player 1 or 2 can resign.");
  return player;
}
