// Thinks beside the page, which waits for nothing but an answer.

import { Network } from "./network.js";
import { Position } from "./rules.js";
import { glance, grow, think } from "./thinking.js";
/** @import { Tree } from "./thinking.js" */

// Of all searches that are kept: those of a long game, or a deep one and a few others.
const MOST_NODES = 8000;

/** @type {Network} */
let network;
/**
 * Searches, the last one at the end. The page asks again and again about a position that somebody looks at, and about
 * others in between.
 * @type {Map<string, Tree>}
 */
const searches = new Map();

/** The search of a question, new or one that goes on. @param {string} about @param {Position} position */
function searchOf(about, position) {
  const tree = searches.get(about) ?? grow(network, position);
  searches.delete(about);
  searches.set(about, tree);
  return tree;
}

/** Drops the searches that were asked for longest ago. */
function forget() {
  let nodes = 0;
  for (const [about, { edges }] of [...searches].reverse()) {
    nodes += edges.reduce((sum, { visits }) => sum + visits, 1);
    if (nodes > MOST_NODES) searches.delete(about);
  }
}

/** @param {MessageEvent} event either the network, or a question with its number */
self.onmessage = ({ data }) => {
  if (data.header) {
    network = new Network(data.header, data.weights);
    return;
  }
  const { number, board, actions, player, simulations, within } = data, started = performance.now();
  let position = Position.fromText(board);
  for (const action of actions) position = position.play(action);
  const [, kind, amount] = /^(\w+)@(\d+)$/.exec(player) ?? [];
  let reply;
  if (kind === "glance") reply = glance(network, position, Number(amount) / 100);
  else {
    const tree = searchOf(JSON.stringify([board, actions, player]), position);
    reply = think(network, tree, Math.min(Number(amount), simulations ?? Infinity), started + 1000 * (within ?? Infinity));
    forget();
  }
  self.postMessage({ number, reply: { ...reply, player, elapsed_ms: performance.now() - started } });
};
