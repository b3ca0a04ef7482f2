// A player with a network in JavaScript: first thoughts, and a small PUCT search on top of them.

import { isFlag } from "./cells.js";
import { solve } from "./endgame.js";
/** @import { Solution } from "./endgame.js" */
/** @import { Evaluation, Network } from "./network.js" */
/** @import { Position } from "./rules.js" */
/** @import { Reply } from "../page/server.js" */

// As in hexz/schema/search.py.
const C_INIT = 1.25, C_BASE = 19652, FPU_REDUCTION = 0.2;
const LINE_MOVES = 12;

/**
 * @typedef {{ action: number, prior: number, visits: number, sum: number, below: Tree | null }} Edge
 *   sum: of the values of its visits, from the view of the player who moves
 * @typedef {{ position: Position, value: number, edges: Edge[], outlook: Evaluation["outlook"],
 *   solution?: Solution | null }} Tree
 *   solution: once it was looked for; null if none was found
 */

/** The probabilities of the legal actions. @param {Float32Array} logits @param {number[]} actions */
function priorsOf(logits, actions) {
  const most = Math.max(...actions.map((action) => logits[action]));
  const weights = actions.map((action) => Math.exp(logits[action] - most));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** A tree to search with. @param {Network} network @param {Position} position @returns {Tree} */
export function grow(network, position) {
  if (position.isOver) {
    const { winner, turn } = position;
    return { position, value: winner ? (winner === turn ? 1 : -1) : 0, edges: [], outlook: null };
  }
  const { logits, value, outlook } = network.evaluate(position), actions = position.legalActions();
  const priors = priorsOf(logits, actions);
  return { position, value, outlook, edges: actions.map((action, i) => ({ action, prior: priors[i], visits: 0, sum: 0, below: null })) };
}

/** @param {Tree} tree */
function select({ edges, value }) {
  const visits = edges.reduce((sum, edge) => sum + edge.visits, 0);
  const known = edges.reduce((sum, edge) => sum + (edge.visits ? edge.prior : 0), 0);
  const mean = visits ? edges.reduce((sum, edge) => sum + edge.sum, value) / (visits + 1) : value;
  const first = mean - FPU_REDUCTION * Math.sqrt(known), root = Math.sqrt(visits + 1);
  const c = C_INIT + Math.log((1 + visits + C_BASE) / C_BASE);
  const score = (/** @type {Edge} */ edge) => (edge.visits ? edge.sum / edge.visits : first) + (c * edge.prior * root) / (1 + edge.visits);
  return edges.reduce((best, edge) => (score(edge) > score(best) ? edge : best));
}

/** One simulation; returns its value from the view of the player to move. @param {Network} network @param {Tree} tree @returns {number} */
function simulate(network, tree) {
  if (!tree.edges.length) return tree.value;
  const edge = select(tree), { turn } = tree.position;
  let value;
  if (edge.below) value = simulate(network, edge.below);
  else {
    edge.below = grow(network, tree.position.play(edge.action));
    value = edge.below.value;
  }
  if (edge.below.position.turn !== turn) value = -value;
  edge.visits++;
  edge.sum += value;
  return value;
}

/** @param {Edge[]} edges */
const best = (edges) => edges.reduce((a, b) => (b.visits > a.visits || (b.visits === a.visits && b.prior > a.prior) ? b : a));

/** @param {Tree} tree */
function lineOf(tree) {
  const line = [];
  for (let node = /** @type {Tree | null} */ (tree); node?.edges.some(({ visits }) => visits) && line.length < LINE_MOVES;) {
    const edge = best(node.edges);
    line.push(edge.action);
    node = edge.below;
  }
  return line;
}

/** What a player plays who knows how the game ends. @param {Tree} tree @returns {Omit<Reply, "player" | "elapsed_ms"> | null} */
function known(tree) {
  if (tree.solution === undefined) tree.solution = solve(tree.position);
  const { solution, outlook } = tree;
  if (!solution) return null;
  const { move, margin, values, line } = solution, moves = [...values.keys()];
  return {
    move,
    value: Math.sign(margin),
    simulations: 0,
    visits: Object.fromEntries(moves.map((action) => [action, 1])),
    q: Object.fromEntries([...values].map(([action, points]) => [action, Math.sign(points)])),
    priors: Object.fromEntries(moves.map((action) => [action, 0])),
    pv: line,
    margins: Object.fromEntries(values),
    outlook,
  };
}

/**
 * What a player plays who looks so far ahead, or knows how the game ends.
 * @param {Network} network
 * @param {Tree} tree of the position: new, or of a search that goes on
 * @param {number} simulations
 * @param {number} [until] of `performance.now()`, when it ends at the latest
 * @returns {Omit<Reply, "player" | "elapsed_ms">}
 */
export function think(network, tree, simulations, until = Infinity) {
  return known(tree) ?? search(network, tree, simulations, until);
}

/**
 * What a search finds; with one simulation, what the network would play at once.
 * @param {Network} network @param {Tree} tree @param {number} simulations @param {number} [until]
 * @returns {Omit<Reply, "player" | "elapsed_ms">}
 */
function search(network, tree, simulations, until = Infinity) {
  const isNew = !tree.edges.some(({ visits }) => visits); // its evaluation was the first simulation
  for (let i = isNew ? 1 : 0; i < simulations && performance.now() < until; i++) simulate(network, tree);
  const edge = best(tree.edges), tried = tree.edges.filter(({ visits }) => visits);
  const seen = tried.length ? tried : [{ ...edge, visits: 1, sum: tree.value }];
  const values = seen.reduce((sum, { sum: s }) => sum + s, tree.value), visits = seen.reduce((sum, { visits: n }) => sum + n, 1);
  return {
    move: edge.action,
    value: tried.length ? values / visits : tree.value,
    simulations,
    visits: Object.fromEntries(seen.map(({ action, visits: n }) => [action, n])),
    q: Object.fromEntries(seen.map(({ action, visits: n, sum }) => [action, sum / n])),
    priors: Object.fromEntries(tree.edges.map(({ action, prior }) => [action, prior])),
    pv: tried.length ? lineOf(tree) : [edge.action],
    outlook: tree.outlook,
  };
}

/**
 * What a player plays who notices only some of the moves, but always those that capture.
 * @param {Network} network @param {Position} position @param {number} sight 0 to 1
 * @returns {Omit<Reply, "player" | "elapsed_ms">}
 */
export function glance(network, position, sight) {
  const reply = search(network, grow(network, position), 1), actions = position.legalActions();
  const noticed = actions.filter((action) => Math.random() < sight || (!isFlag(action) && position.captures(action).length));
  const seen = noticed.length ? noticed : [actions[Math.floor(Math.random() * actions.length)]];
  const prior = (/** @type {number} */ action) => reply.priors?.[action] ?? 0;
  const move = seen.reduce((a, b) => (prior(b) > prior(a) ? b : a));
  return { ...reply, move, visits: { [move]: 1 }, q: { [move]: reply.value }, pv: [move] };
}
