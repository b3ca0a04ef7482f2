// What the page asks of the server: who plays, and what it would play.

/**
 * @typedef {{ spec: string, name: string }} Offer a computer player
 * @typedef {{ board: string, actions: number[], player: string | null, signal?: AbortSignal }} Question
 * @typedef {{ move: number, value: number, simulations: number, elapsed_ms: number, player: string,
 *   visits: Record<string, number>, q: Record<string, number>, priors?: Record<string, number>,
 *   pv: number[] }} Reply
 *   values are -1 to 1, from the view of the player to move; visits, q and priors by action
 */

/** The server said no, or nothing. */
export class NoAnswer extends Error {
  /** @param {string} message @param {boolean} again asking later may help */
  constructor(message, again) {
    super(message);
    this.again = again;
  }
}

/** @param {unknown} error something that was thrown */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/** @param {string} path @param {RequestInit} [options] */
async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new NoAnswer("The server does not answer", true);
  }
  if (answer.ok) return answer.json();
  const reason = answer.status === 503 ? "The server is busy" : (await answer.text()).trim();
  throw new NoAnswer(reason || `The server answers ${answer.status}`, answer.status >= 500);
}

/** The computer players that the server offers, the one that analyses first. @returns {Promise<Offer[]>} */
export const listPlayers = () => ask("api/players");

/** What a player would play after some moves. @param {Question} question @returns {Promise<Reply>} */
export function suggest({ board, actions, player, signal }) {
  return ask("api/suggest", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ board, moves: actions, player }),
    signal,
  });
}
