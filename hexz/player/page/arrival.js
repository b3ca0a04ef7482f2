// How games come to the page and leave it: addresses, files, and what the browser remembers.

import { opponentOf } from "./cells.js";
import { keptClock } from "./clock.js";
import { html, input } from "./dom.js";
import { Game, PERSON, someSeed } from "./game.js";
import { memory } from "./memory.js";
import { listPlayers, messageOf } from "./server.js";
import { CLOCK, OPPONENT, UNFINISHED, notify, replaceGame, start, store } from "./session.js";
import { levelsOf, offer } from "./setup.js";
import { nameOf } from "./words.js";

let link = ""; // of the game, with what was tried beside it

/**
 * The address is the game, and the browser remembers one that is not finished once something was done in it:
 * not one that was only looked at, and what another tab plays is not forgotten when this one's game ends.
 */
store.follow(({ game, shown }, before) => {
  if (game === before.game && shown === before.shown) return;
  const earlier = link;
  link = game.toLink();
  history.replaceState(null, "", `#${link}`);
  if (link === earlier || game.root !== before.game.root || !game.players.includes(PERSON)) return;
  if (game.length && !game.isOver) memory.setItem(UNFINISHED, link);
  else if (memory.getItem(UNFINISHED) === earlier) memory.removeItem(UNFINISHED);
});

export function save() {
  const { game } = store.state, href = URL.createObjectURL(new Blob([game.toFile()], { type: "application/json" }));
  html("a", { href, download: `flagz-${game.seed ?? "game"}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}

export async function load() {
  const file = input("file").files?.[0];
  if (!file) return;
  try {
    replaceGame(seated(Game.fromFile(await file.text())));
  } catch (error) {
    notify(`${file.name} is no game that can be read. ${messageOf(error)}`);
  }
  input("file").value = "";
}

/** Puts persons in the place of computers that the server does not offer. @param {Game} game */
function seated(game) {
  const { offers } = store.state;
  if (!offers.length) return game; // it may come back
  const offered = [PERSON, ...offers.map(({ spec }) => spec)];
  return game.seat(game.players.map((player) => (offered.includes(player) ? player : PERSON)));
}

/** A new game against whom the person played last, or somebody gentle. */
function defaultGame() {
  const { offers } = store.state, gentle = levelsOf(offers)[0] ?? offers.at(-1);
  const last = offers.find(({ spec }) => spec === memory.getItem(OPPONENT));
  return Game.fromSeed(someSeed(), [PERSON, (last ?? gentle)?.spec ?? PERSON]);
}

/** @param {Game} game one that was left, maybe with a clock */
const keptClockOf = (game) => (memory.getItem(CLOCK) ? keptClock(game.toLink()) : null);

/** Begins the game of the address, or a new one, and offers one that was not finished. */
export async function openAddress() {
  const address = location.hash.slice(1);
  if (!address) return openPlainAddress();
  try {
    const game = seated(Game.fromLink(address));
    start(game, keptClockOf(game));
  } catch (error) {
    start(defaultGame());
    notify(`The link is no game that can be read. ${messageOf(error)}`);
  }
}

function openPlainAddress() {
  start(defaultGame());
  try {
    const game = seated(Game.fromLink(memory.getItem(UNFINISHED) ?? ""));
    const opponent = game.onlyPerson ? ` against ${nameOf(game, opponentOf(game.onlyPerson), store.state.offers)}` : "";
    notify(`Your game${opponent} is at move ${game.length}.`, { name: "Go on", run: () => replaceGame(game, keptClockOf(game)) });
  } catch {
    memory.removeItem(UNFINISHED); // there is none, or none that can be read
  }
}

export async function learnPlayers() {
  try {
    store.set({ offers: await listPlayers() });
  } catch {
    store.set({ offers: [] }); // two people can still play
  }
  offer(store.state.offers);
}
