// Thinks beside the page, which waits for nothing but an answer.

import { Network } from "./network.js";
import { Position } from "./rules.js";
import { glance, grow, think } from "./thinking.js";
/** @import { Tree } from "./thinking.js" */

/** @type {Network} */
let network;
/** The last search: the page asks again and again about a position that somebody looks at. @type {{ about: string, tree: Tree } | null} */
let last = null;

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
    const about = JSON.stringify([board, actions, player]);
    if (last?.about !== about) last = { about, tree: grow(network, position) };
    reply = think(network, last.tree, Math.min(Number(amount), simulations ?? Infinity), started + 1000 * (within ?? Infinity));
  }
  self.postMessage({ number, reply: { ...reply, player, elapsed_ms: performance.now() - started } });
};
