// Thinks beside the page, which waits for nothing but an answer.

import { Network } from "./network.js";
import { Position } from "./rules.js";
import { glance, think } from "./thinking.js";

/** @type {Network} */
let network;

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
  const reply = kind === "glance" ? glance(network, position, Number(amount) / 100)
    : think(network, position, Math.min(Number(amount), simulations ?? Infinity), started + 1000 * (within ?? Infinity));
  self.postMessage({ number, reply: { ...reply, player, elapsed_ms: performance.now() - started } });
};
