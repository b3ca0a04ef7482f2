// The dialog for a new game.

import { PERSON, parseSeed, someSeed } from "./game.js";
import { centerOf, svg, HEIGHT, WIDTH } from "./board.js";
import { CELLS, randomBoard } from "./rules.js";

const dialog = document.getElementById("setup");
const form = dialog.querySelector("form");
const { blue, orange, seed } = form.elements;

/** What can sit at the board: [{spec, name}]. */
export function offer(players) {
  document.getElementById("no-server").hidden = players.length > 0;
  for (const select of [blue, orange]) {
    const value = select.value;
    select.replaceChildren(new Option("Person", PERSON), ...players.map(({ name, spec }) => new Option(name, spec)));
    choose(select, value || PERSON);
  }
}

function choose(select, value) {
  const known = Array.from(select.options, (option) => option.value);
  select.value = known.includes(value) ? value : known[known.length > 1 ? 1 : 0];
}

function preview() {
  let board;
  try {
    board = randomBoard(BigInt(parseSeed(seed.value)));
    seed.setCustomValidity("");
  } catch (error) {
    return seed.setCustomValidity(error.message);
  }
  const cells = CELLS.map((cell, i) => {
    const kind = { ".": "empty", "#": "rock" }[board[i]] ?? "grass";
    const group = svg("g", { class: `hz-${kind}`, transform: `translate(${centerOf(cell).join(" ")})` },
      svg("use", { href: `#hz-${kind}` }));
    if (kind === "grass") group.append(svg("text", { y: 7 }, board[i]));
    return group;
  });
  const picture = document.getElementById("preview");
  picture.setAttribute("viewBox", `20 18 ${WIDTH - 22} ${HEIGHT - 20}`);
  picture.replaceChildren(...cells);
}

function shuffle() {
  seed.value = someSeed();
  preview();
}

/** Asks for a new game; calls start(seed, players) if there shall be one. */
export function openSetup(players, start) {
  choose(blue, players[0]);
  choose(orange, players[1]);
  shuffle();
  form.onsubmit = () => start(parseSeed(seed.value), [blue.value, orange.value]);
  dialog.showModal();
}

seed.addEventListener("input", preview);
document.getElementById("shuffle").addEventListener("click", shuffle);
document.getElementById("cancel").addEventListener("click", () => dialog.close());
document.getElementById("swap").addEventListener("click", () => {
  [blue.value, orange.value] = [orange.value, blue.value];
});
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
