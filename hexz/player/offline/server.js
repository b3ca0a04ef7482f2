// What the page asks where there is no server: a worker with the network that is in this file.

import { byId } from "./dom.js";
/** @import { Offer, Question, Reply } from "../page/server.js" */

/** What is said of a computer that should have moved long ago. */
export const LATE = "This takes longer than usual.";

/** There was no answer. */
export class NoAnswer extends Error {
  again = false;
}

/** @param {unknown} error something that was thrown */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));

const { header, offers } = JSON.parse(byId("network").textContent ?? "");
/** @type {Map<number, { resolve: (reply: Reply) => void, reject: (error: Error) => void }>} */
const waiting = new Map();
/** What is wrong where there is no worker. */
let noWorker = "";
const worker = startWorker();

function startWorker() {
  const script = new Blob([byId("worker").textContent ?? ""], { type: "text/javascript" });
  const thinker = new Worker(URL.createObjectURL(script));
  const weights = Uint8Array.from(atob((byId("weights").textContent ?? "").trim()), (char) => char.charCodeAt(0)).buffer;
  thinker.postMessage({ header, weights }, [weights]);
  thinker.onmessage = ({ data: { number, reply } }) => {
    waiting.get(number)?.resolve(reply);
    waiting.delete(number);
  };
  thinker.onerror = ({ message }) => {
    // An error in the worker has a message; without one there is no worker.
    if (!message) noWorker = "This browser lets no computer player start";
    for (const { reject } of waiting.values()) reject(new NoAnswer(noWorker || "The computer player has failed: reload the page"));
    waiting.clear();
  };
  return thinker;
}

/** The computer players, the one that analyses first. @returns {Promise<Offer[]>} */
export const listPlayers = async () => offers;

let questions = 0;

/** What a player would play after some moves. @param {Question} question @returns {Promise<Reply>} */
export function suggest({ board, actions, player, simulations, within }) {
  if (noWorker) return Promise.reject(new NoAnswer(noWorker));
  const number = questions++;
  return new Promise((resolve, reject) => {
    waiting.set(number, { resolve, reject });
    worker.postMessage({ number, board, actions, player, simulations, within });
  });
}
