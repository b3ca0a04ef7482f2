// How games come to the page and leave it: addresses, files, and what the browser remembers.

import { opponentOf } from "./cells.js";
import { keptClock } from "./clock.js";
import { html, input } from "./dom.js";
import { Game, PERSON, someSeed } from "./game.js";
import { memory } from "./memory.js";
import { listPlayers, messageOf } from "./server.js";
import { CLOCK, OPPONENT, notify, replaceGame, start, store } from "./session.js";
import { levelsOf, offer } from "./setup.js";
import { remember, unfinished } from "./unfinished.js";
import { nameOf } from "./words.js";
/** @import { Unfinished } from "./setup.js" */

const ADDRESS_AGAIN_MS = 1000;

let link = ""; // of the game, with what was tried beside it
let addressTimer = 0;

/**
 * The address is the game, and the browser remembers one that is not finished once something was done in it:
 * not one that was only looked at, and what another tab plays is not forgotten when this one's game ends.
 * A step through the game changes neither.
 */
store.follow(({ game, shown }, before) => {
  if (game === before.game && shown === before.shown) return;
  const earlier = link;
  link = game.toLink();
  if (link === earlier) return;
  writeAddress();
  if (game.root !== before.game.root || !game.players.includes(PERSON)) return;
  remember(earlier, game.length && !game.isOver ? link : null);
});

/** Safari lets an address change 100 times in ten seconds, as a key for taking back that is held down may do. */
function writeAddress() {
  clearTimeout(addressTimer);
  try {
    history.replaceState(null, "", `#${link}`);
  } catch {
    addressTimer = setTimeout(writeAddress, ADDRESS_AGAIN_MS);
  }
}

export function save() {
  const { game } = store.state, href = URL.createObjectURL(new Blob([game.toFile()], { type: "application/json" }));
  html("a", { href, download: `flagz-${game.seed ?? "game"}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}

export async function load() {
  const file = input("file").files?.[0];
  if (!file) return;
  try {
    admit(Game.fromFile(await file.text()), replaceGame);
  } catch (error) {
    notify(`${file.name} is no game that can be read. ${messageOf(error)}`);
  }
  input("file").value = "";
}

/**
 * Begins a game that comes from elsewhere, with persons in the place of computers that are not offered.
 * @param {Game} game @param {(game: Game) => void} begin
 */
function admit(game, begin) {
  const { offers } = store.state;
  if (!offers.length) return begin(game); // the server may come back
  const players = game.players.map(seatOf);
  begin(game.seat(players.map((player) => player ?? PERSON)));
  const missing = game.players.filter((_, i) => players[i] === null).map((player) => `“${player}”`);
  if (missing.length) notify(`A person plays in the place of ${missing.join(" and ")}, which this page does not offer.`);
}

/** Who is offered of a name in a game: a spec, a level as the terminal calls it, or the network; null for nobody. @param {string} player */
function seatOf(player) {
  if (player === PERSON) return PERSON;
  const { offers } = store.state, exact = offers.find(({ spec }) => spec === player);
  const level = levelsOf(offers).find(({ name }) => name.toLowerCase() === player);
  const network = player === "model" ? offers.find(({ spec }) => spec.startsWith("model@")) : null;
  return (exact ?? level ?? network)?.spec ?? null;
}

/** A new game against whom the person played last, or somebody gentle. */
function defaultGame() {
  const { offers } = store.state, gentle = levelsOf(offers)[0] ?? offers.at(-1);
  const last = offers.find(({ spec }) => spec === memory.getItem(OPPONENT));
  return Game.fromSeed(someSeed(), [PERSON, (last ?? gentle)?.spec ?? PERSON]);
}

/** @param {Game} game one that was left, maybe with a clock */
const keptClockOf = (game) => (memory.getItem(CLOCK) ? keptClock(game.toLink()) : null);

/** Begins the game of the address, or a new one; where nothing was played yet, one that was not finished is offered. */
export async function openAddress() {
  const address = location.hash.slice(1);
  try {
    if (address) admit(Game.fromLink(address), (game) => start(game, keptClockOf(game)));
    else start(defaultGame());
  } catch (error) {
    start(defaultGame());
    notify(`The link is no game that can be read. ${messageOf(error)}`);
  }
  const [furthest] = store.state.game.length || store.state.notice ? [] : unfinishedGames();
  if (furthest) notify(`Your game ${furthest.opponent && `against ${furthest.opponent} `}is at move ${furthest.length}.`, { name: "Go on", run: furthest.goOn });
}

/** The games that were not finished, but for the present one. @returns {Unfinished[]} */
export function unfinishedGames() {
  return unfinished().filter((other) => other !== link).flatMap((other) => {
    try {
      const game = Game.fromLink(other), { length } = game, player = game.onlyPerson;
      const goOn = () => admit(game, (seated) => replaceGame(seated, keptClockOf(seated)));
      return [{ length, opponent: player ? nameOf(game, opponentOf(player), store.state.offers) : "", goOn }];
    } catch {
      remember(other, null); // it cannot be read
      return [];
    }
  });
}

export async function learnPlayers() {
  try {
    store.set({ offers: await listPlayers() });
  } catch {
    store.set({ offers: [] }); // two people can still play
  }
  offer(store.state.offers);
}
