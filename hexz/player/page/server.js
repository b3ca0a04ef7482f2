// What the page asks of the server: who plays, and what it would play.

/** The server said no, or nothing. `again`: asking later may help. */
export class NoAnswer extends Error {
  constructor(message, again) {
    super(message);
    this.again = again;
  }
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new NoAnswer("The server does not answer", true);
  }
  if (answer.ok) return answer.json();
  const reason = answer.status === 503 ? "The server is busy" : (await answer.text()).trim();
  throw new NoAnswer(reason || `The server answers ${answer.status}`, answer.status >= 500);
}

/** The computer players that the server offers: [{spec, name}], the one that analyses first. */
export const listPlayers = () => ask("api/players");

/**
 * What a player would play after some moves: {move, value, simulations, elapsed_ms, visits, q,
 * priors, pv, player}. Values are -1 to 1, from the view of the player to move.
 */
export function suggest({ board, actions, player, signal }) {
  return ask("api/suggest", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ board, moves: actions, player }),
    signal,
  });
}
