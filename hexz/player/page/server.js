// What the page asks of the server: who plays, and what it would play.

/**
 * @typedef {{ spec: string, name: string, level?: number | null, elo?: number | null }} Offer a computer
 *   player; level: its number if it is a level, 1 for the weakest
 * @typedef {{ board: string, actions: number[], player: string, simulations?: number, within?: number,
 *   outlook?: boolean, signal?: AbortSignal }} Question simulations: that may be spent, at most those of the player; within: seconds
 * @typedef {{ ownership: number[], margin: number }} Outlook
 *   ownership: of each cell, -1 Orange to 1 Blue; margin: by how many points Blue will win
 * @typedef {{ move: number, value: number, simulations: number, elapsed_ms: number, player: string,
 *   visits: Record<string, number>, q: Record<string, number>, priors?: Record<string, number>,
 *   pv: number[], outlook?: Outlook | null, margins?: Record<string, number> | null }} Reply
 *   values are -1 to 1, from the view of the player to move; visits, q, priors and margins by action;
 *   margins: of a position that was solved, the points by which the player to move wins then
 */

/** What is said of a computer that should have moved long ago. */
export const LATE = "The server does not answer yet.";
const LONGEST_MS = 70_000; // any search has ended ten seconds before: MAX_SECONDS of the service

/** The server said no, or nothing. */
export class NoAnswer extends Error {
  /** @param {string} message for people @param {boolean} again asking later may help */
  constructor(message, again) {
    super(message);
    this.again = again;
  }
}

/** @param {unknown} error something that was thrown */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/** @param {string} path @param {RequestInit} [options] @param {AbortSignal} [signal] nobody waits for it any more */
async function ask(path, options, signal) {
  const limit = new AbortController(), giveUp = () => limit.abort();
  const timer = setTimeout(giveUp, LONGEST_MS);
  signal?.addEventListener("abort", giveUp);
  let answer;
  try {
    answer = await fetch(path, { ...options, signal: limit.signal });
    if (answer.ok) return await answer.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new NoAnswer("The server does not answer", !limit.signal.aborted);
  } finally {
    clearTimeout(timer);
  }
  if (answer.status === 503) throw new NoAnswer("The server is busy", true);
  // What it says then is for whoever runs it.
  console.error(`${path}: ${answer.status} ${(await answer.text()).trim()}`);
  throw new NoAnswer("The server could not deal with this game", answer.status > 500);
}

/** The computer players that the server offers, the one that analyses first. @returns {Promise<Offer[]>} */
export const listPlayers = () => ask("api/players");

/** What a player would play after some moves. @param {Question} question @returns {Promise<Reply>} */
export function suggest({ board, actions, player, simulations, within, outlook, signal }) {
  return ask("api/suggest", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ board, moves: actions, player, simulations, within, outlook }),
  }, signal);
}
