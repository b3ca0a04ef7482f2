// A game: the board it started from, who plays, and a tree of moves, of which one line is the game
// and all others are what somebody tried. As a link and as a file.

import { cellOf, notation, opponentOf, parseNotation } from "./cells.js";
import { Position, randomBoard } from "./rules.js";

export const PERSON = "person";
const MAX_SEED = (1n << 64n) - 1n;
const MAX_NODES = 2000; // of a tree that somebody sends

/** The seed that somebody typed; throws an Error if it is none. @param {string} text */
export function parseSeed(text) {
  if (!/^\d{1,20}$/.test(text) || BigInt(text) > MAX_SEED) {
    throw new Error("A board number is a whole number from 0 to 18446744073709551615.");
  }
  return String(BigInt(text));
}

/** A seed that is short enough to tell somebody. */
export const someSeed = () => String(crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000);

/** A position and how it was reached. Nodes are added to a tree, and leave it only where somebody deletes what was tried. */
export class GameNode {
  /** @type {GameNode[]} */
  children = [];

  /** @param {Position} position @param {GameNode | null} parent @param {number} action -1 at the start */
  constructor(position, parent = null, action = -1) {
    this.position = position;
    this.parent = parent;
    this.action = action;
  }

  /** How many moves lead here. @returns {number} */
  get ply() {
    return this.position.moveNumber;
  }

  /** Where a move leads; throws an Error if it is not allowed. @param {number} action @returns {GameNode} */
  child(action) {
    const known = this.children.find((child) => child.action === action);
    if (known) return known;
    const child = new GameNode(this.position.play(action), this, action);
    this.children.push(child);
    return child;
  }

  /** The nodes from the start to this one, both included. @returns {GameNode[]} */
  path() {
    return this.parent ? [...this.parent.path(), this] : [this];
  }

  /** The actions that lead here. */
  actions() {
    return this.path().slice(1).map(({ action }) => action);
  }

  /** Who made the move that led here; 0 at the start. */
  get mover() {
    return this.parent ? this.parent.position.turn : 0;
  }

  /** The cells that the move gave to its player, the placed one first. */
  get changes() {
    if (!this.parent) return [];
    return [{ cell: cellOf(this.action), step: 0 }, ...this.parent.position.captures(this.action)];
  }

  /** The points that the move brought. */
  get points() {
    return this.parent ? this.position.score[this.mover - 1] - this.parent.position.score[this.mover - 1] : 0;
  }

  /** The values of the grass that the move captured. */
  get captured() {
    return this.changes.slice(1).map(({ cell }) => this.position.cells[cell].value);
  }
}

/** A state of a game. It never changes, but for what the tree has beside its line: every way on is another Game. */
export class Game {
  /**
   * @param {object} facts
   * @param {string} facts.board 105 characters
   * @param {string | null} facts.seed the number of the board, if it has one
   * @param {string[]} facts.players for each of the two, PERSON or the spec of a computer player
   * @param {GameNode} facts.tip where the game stands; the line to it is the game
   * @param {number} [facts.resigned] the player who gave up, or 0
   * @param {boolean} [facts.late] whether that was because the time was over
   * @param {Game | null} [facts.later] what was taken back
   */
  constructor({ board, seed, players, tip, resigned = 0, late = false, later = null }) {
    this.board = board;
    this.seed = seed;
    this.players = players;
    this.tip = tip;
    this.resigned = resigned;
    this.late = late;
    this.later = later;
    this.line = tip.path();
  }

  /**
   * Throws an Error on a board that is none.
   * @param {unknown} board @param {string[]} players @param {string | null} [seed]
   */
  static start(board, players, seed = null) {
    return new Game({ board: String(board), seed, players, tip: new GameNode(Position.fromText(board)) });
  }

  /** @param {string} seed @param {string[]} players */
  static fromSeed(seed, players) {
    return Game.start(randomBoard(BigInt(seed)), players, seed);
  }

  get root() {
    return this.line[0];
  }

  get length() {
    return this.tip.ply;
  }

  get position() {
    return this.tip.position;
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

  /** The only person's player, or 0 if there are two, or none. */
  get onlyPerson() {
    const [blue, orange] = [this.isPerson(1), this.isPerson(2)];
    return blue === orange ? 0 : blue ? 1 : 2;
  }

  get isForPersons() {
    return this.players.every((player) => player === PERSON);
  }

  get isPersonsTurn() {
    return !this.isOver && this.isPerson(this.position.turn);
  }

  get isComputersTurn() {
    return !this.isOver && !this.isPerson(this.position.turn);
  }

  /** Whether the line of the game leads through a node. @param {GameNode} node */
  includes(node) {
    return this.line[node.ply] === node;
  }

  /** The line through a node: the game if it is part of that, else on to the end of what was tried. @param {GameNode} node */
  lineThrough(node) {
    if (this.includes(node)) return this.line;
    return [...node.path(), ...firstLine(node).slice(1)];
  }

  /** The game once a move is played; throws an Error if it is not allowed. @param {number} action */
  play(action) {
    if (this.resigned) throw new Error("The game is over.");
    return this.#with({ tip: this.tip.child(action), later: null });
  }

  /** The game that goes on from a node: what came after it stays in the tree, and can be played again. @param {GameNode} node */
  goOnFrom(node) {
    return this.#with({ tip: node, resigned: 0, later: this });
  }

  /** @param {number} player @param {boolean} [late] whether it is because the time is over */
  resign(player, late = false) {
    return this.isOver ? this : this.#with({ resigned: player, late, later: null });
  }

  /** The game with the last decision of a person taken back, or null if there is none. */
  undo() {
    const persons = this.players.includes(PERSON);
    const isOwn = (/** @type {GameNode} */ node) => !persons || this.isPerson(node.position.turn);
    if (this.resigned && isOwn(this.tip)) return this.#with({ resigned: 0, later: this });
    let node = this.resigned ? this.tip : this.tip.parent;
    while (node && !isOwn(node)) node = node.parent;
    return node && this.#with({ tip: node, resigned: 0, later: this });
  }

  /**
   * The game without what was tried from a node on, nor what was taken back, which may lead there.
   * @param {GameNode} node not in the line of the game
   */
  without(node) {
    if (node.parent) node.parent.children = node.parent.children.filter((child) => child !== node);
    return this.#with({ later: null });
  }

  /** @param {string[]} players */
  seat(players) {
    return this.#with({ players });
  }

  /** @param {Partial<Game>} changes */
  #with(changes) {
    const { board, seed, players, tip, resigned, late, later } = this;
    const facts = { board, seed, players, tip, resigned, late, later, ...changes };
    return new Game({ ...facts, late: facts.late && facts.resigned > 0 });
  }

  // --- Links and files ---------------------------------------------------------------------------

  /** For the part of an address after "#". */
  toLink() {
    const fields = new URLSearchParams(this.seed === null ? { board: this.board } : { seed: this.seed });
    fields.set("blue", this.players[0]);
    fields.set("orange", this.players[1]);
    const moves = this.#treeText();
    if (moves) fields.set("moves", moves);
    if (this.resigned) fields.set("resigned", String(this.resigned));
    if (this.late) fields.set("late", "1");
    return fields.toString();
  }

  /** Throws an Error. @param {string} text */
  static fromLink(text) {
    const fields = new URLSearchParams(text), number = fields.get("seed");
    const seed = number === null ? null : parseSeed(number);
    const players = [fields.get("blue") ?? PERSON, fields.get("orange") ?? PERSON];
    const start = Game.start(seed === null ? fields.get("board") : randomBoard(BigInt(seed)), players, seed);
    const tip = growTree(start.root, fields.get("moves") ?? "");
    return start.#with({ tip }).resign(checkedPlayer(fields.get("resigned")), fields.has("late"));
  }

  toFile() {
    const { board, players, seed, resigned, late } = this;
    const moves = this.tip.actions().map(notation), tree = this.#treeText();
    const data = {
      board, moves, players, seed: seed ?? undefined, resigned: resigned || undefined, late: late || undefined,
      tree: tree.includes("(") ? tree : undefined,
    };
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
    const start = Game.start(data.board, [0, 1].map((i) => String(data.players?.[i] ?? PERSON)), seed);
    const tip = growTree(start.root, data.moves.map(String).join("-"));
    if (data.tree !== undefined) growTree(start.root, String(data.tree));
    return start.#with({ tip }).resign(checkedPlayer(data.resigned), data.late === true);
  }

  /** The moves of the game, each followed by what else was tried after it in parentheses. */
  #treeText() {
    return lineText(this.line).replace(/^-/, "");
  }
}

/** The moves that lead to the nodes of a line, each with what else follows it. @param {GameNode[]} line @returns {string} */
function lineText(line) {
  return line.map((node, i) => {
    const others = node.children.filter((child) => child !== line[i + 1]);
    const move = node.parent ? notation(node.action) : "";
    return move + others.map((child) => `(${lineText(firstLine(child))})`).join("");
  }).join("-");
}

/** The line from a node along the moves that were played first. @param {GameNode} node @returns {GameNode[]} */
export const firstLine = (node) => [node, ...(node.children.length ? firstLine(node.children[0]) : [])];

/** Adds the moves of a text to a tree, and returns where those outside of parentheses lead. @param {GameNode} root @param {string} text */
function growTree(root, text) {
  const open = [];
  let node = root, count = 0;
  for (const [token] of text.matchAll(/[()]|[^()-]+/g)) {
    if (++count > MAX_NODES) throw new Error("These are too many moves.");
    if (token === "(") open.push(node);
    else if (token !== ")") node = node.child(parseNotation(token));
    else if (open.length) node = /** @type {GameNode} */ (open.pop());
    else throw new Error("A parenthesis is closed that was not opened.");
  }
  if (open.length) throw new Error("A parenthesis is not closed.");
  return node;
}

/** @param {unknown} value */
function checkedPlayer(value) {
  const player = Number(value ?? 0);
  if (![0, 1, 2].includes(player)) throw new Error("Only Blue, 1, or Orange, 2, can resign.");
  return player;
}
