// The dialog for a new game.

import { cellsOf, drawCell } from "./board.js";
import { CELLS, startContent } from "./cells.js";
import { button, byId, find, html } from "./dom.js";
import { PERSON, parseSeed, someSeed } from "./game.js";
import { randomBoard } from "./rules.js";
import { messageOf } from "./server.js";
/** @import { Offer } from "./server.js" */

const setup = find("#setup", HTMLDialogElement), form = find("form", HTMLFormElement, setup);
const blue = find("[name=blue]", HTMLSelectElement, form), orange = find("[name=orange]", HTMLSelectElement, form);
const clock = find("[name=clock]", HTMLSelectElement, form);
const seed = find("[name=seed]", HTMLInputElement, form);
const boardPicture = find("#preview", SVGSVGElement);
boardPicture.append(find("#board .hz-cells", SVGGElement).cloneNode(true)); // not yet made to play on

/** @typedef {{ length: number, opponent: string, goOn: () => void }} Unfinished a game; opponent: a computer's name, or "" */

/** @type {Offer[]} */
let candidates = [];

/** Tells who can sit at the board. @param {Offer[]} players */
export function offer(players) {
  candidates = players;
  byId("no-server").hidden = players.length > 0;
  const group = (/** @type {string} */ label, /** @type {Offer[]} */ members) => {
    const options = members.map(({ name, spec }) => new Option(name, spec));
    return members.length ? [html("optgroup", { label }, ...options)] : [];
  };
  for (const select of [blue, orange]) {
    const value = select.value;
    select.replaceChildren(new Option("Person", PERSON),
      ...group("Levels", levelsOf(players)), ...group("For experts", players.filter((player) => !isLevel(player))));
    pick(select, value || PERSON);
  }
}

/** Whether a player is one of the levels. @param {Offer} player */
const isLevel = ({ level }) => typeof level === "number";

/** The levels among the players, weakest first. @param {Offer[]} players */
export const levelsOf = (players) => players.filter(isLevel).sort((a, b) => Number(a.level) - Number(b.level));

/** @param {HTMLSelectElement} select @param {string} value */
function pick(select, value) {
  const known = Array.from(select.options, (option) => option.value);
  select.value = known.includes(value) ? value : known[known.length > 1 ? 1 : 0];
}

/** Says below each seat, in small print, who that is. */
function describeSeats() {
  for (const select of [blue, orange]) {
    const chosen = candidates.find(({ spec }) => spec === select.value);
    const rating = chosen && typeof chosen.elo === "number" ? `, Elo ${chosen.elo}`.replace("-", "−") : "";
    find("small", HTMLElement, /** @type {HTMLElement} */ (select.parentElement)).textContent = chosen ? chosen.spec + rating : "";
  }
}

function preview() {
  try {
    const board = randomBoard(BigInt(parseSeed(seed.value))), groups = cellsOf(boardPicture);
    CELLS.forEach((cell, i) => drawCell(/** @type {Element} */ (groups.get(cell)), startContent(board[i])));
    seed.setCustomValidity("");
  } catch (error) {
    seed.setCustomValidity(messageOf(error));
  }
}

function shuffle() {
  seed.value = someSeed();
  preview();
}

/**
 * Asks for a new game.
 * @param {string[]} players those of the present one
 * @param {boolean} isRunning whether that is not finished
 * @param {Unfinished[]} others games to go on with instead
 * @param {(seed: string, players: string[], clock: string) => void} start called if there shall be one; clock: "180+2" in seconds, or ""
 */
export function openSetup(players, isRunning, others, start) {
  pick(blue, players[0]);
  pick(orange, players[1]);
  describeSeats();
  shuffle();
  byId("gives-up").hidden = !isRunning;
  byId("unfinished").hidden = !others.length;
  byId("unfinished").replaceChildren("Not finished: ", ...others.map(goOnButton));
  form.onsubmit = () => start(parseSeed(seed.value), [blue.value, orange.value], clock.value);
  setup.showModal();
}

/** @param {Unfinished} game */
function goOnButton({ length, opponent, goOn }) {
  const onclick = () => {
    setup.close();
    goOn();
  };
  return html("button", { type: "button", onclick }, `${opponent || "Two people"}, move ${length}`);
}

seed.addEventListener("input", preview);
form.addEventListener("change", describeSeats);
button("shuffle").addEventListener("click", shuffle);
button("cancel").addEventListener("click", () => setup.close());
button("swap").addEventListener("click", () => {
  [blue.value, orange.value] = [orange.value, blue.value];
  describeSeats();
});
