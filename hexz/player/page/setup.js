// The dialog for a new game.

import { cellsOf, drawCell } from "./board.js";
import { CELLS, startContent } from "./cells.js";
import { button, byId, find } from "./dom.js";
import { PERSON, parseSeed, someSeed } from "./game.js";
import { randomBoard } from "./rules.js";
import { messageOf } from "./server.js";
/** @import { Offer } from "./server.js" */

const dialog = find("#setup", HTMLDialogElement), form = find("form", HTMLFormElement, dialog);
const blue = find("[name=blue]", HTMLSelectElement, form), orange = find("[name=orange]", HTMLSelectElement, form);
const seed = find("[name=seed]", HTMLInputElement, form);
const picture = find("#preview", SVGSVGElement);
picture.append(find("#board .hz-cells", SVGGElement).cloneNode(true)); // not yet made to play on

/** Tells who can sit at the board. @param {Offer[]} players */
export function offer(players) {
  byId("no-server").hidden = players.length > 0;
  for (const select of [blue, orange]) {
    const value = select.value;
    select.replaceChildren(new Option("Person", PERSON), ...players.map(({ name, spec }) => new Option(name, spec)));
    choose(select, value || PERSON);
  }
}

/** @param {HTMLSelectElement} select @param {string} value */
function choose(select, value) {
  const known = Array.from(select.options, (option) => option.value);
  select.value = known.includes(value) ? value : known[known.length > 1 ? 1 : 0];
}

function preview() {
  try {
    const board = randomBoard(BigInt(parseSeed(seed.value))), groups = cellsOf(picture);
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
 * @param {(seed: string, players: string[]) => void} start called if there shall be one
 */
export function openSetup(players, start) {
  choose(blue, players[0]);
  choose(orange, players[1]);
  shuffle();
  form.onsubmit = () => start(parseSeed(seed.value), [blue.value, orange.value]);
  dialog.showModal();
}

seed.addEventListener("input", preview);
button("shuffle").addEventListener("click", shuffle);
button("cancel").addEventListener("click", () => dialog.close());
button("swap").addEventListener("click", () => {
  [blue.value, orange.value] = [orange.value, blue.value];
});
dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
