// The list of moves: numbered, with points and captures, with what the analysis says of them, and with
// what was tried beside the game.

import { percent } from "./board.js";
import { COLOURS, notation } from "./cells.js";
import { byId, html } from "./dom.js";
import { firstLine } from "./game.js";
/** @import { Analysis } from "./analysis.js" */
/** @import { GameNode } from "./game.js" */
/** @import { State } from "./state.js" */

const MARKS = { blunder: "??", mistake: "?", inaccuracy: "?!", good: "!" };
const NAMES = { blunder: "A blunder", mistake: "A mistake", inaccuracy: "An inaccuracy", good: "The only good move" };

const list = byId("moves");
/** @type {GameNode[]} in the list, in its order */
let listed = [];
/** @type {GameNode | null} the one that the list was scrolled to */
let seen = null;
/** @type {GameNode | null} the one that the tab key leads to, if it is in the list */
let stop = null;

/** @param {EventTarget | null} target */
const moveAt = (target) => (target instanceof Element ? target.closest("button") : null);
/** @param {HTMLButtonElement} button */
const nodeOf = ({ dataset }) => listed[Number(dataset.number)];

/** @param {(node: GameNode) => void} go called on a click on a move */
export function onMove(go) {
  list.addEventListener("click", ({ target }) => {
    const button = moveAt(target);
    if (button) go(nodeOf(button));
  });
  list.addEventListener("focusin", ({ target }) => {
    const button = moveAt(target);
    if (!button) return;
    stop = nodeOf(button);
    placeStop([list]);
  });
  list.addEventListener("keydown", (event) => {
    const button = moveAt(event.target), step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!button || !step || event.altKey || event.ctrlKey || event.metaKey) return;
    const buttons = [...list.querySelectorAll("button")];
    buttons[buttons.indexOf(button) + step]?.focus();
    event.preventDefault();
  });
}

/** Makes one of all moves that of the tab key. @param {HTMLElement[]} items */
function placeStop(items) {
  const number = String(Math.max(0, stop ? listed.indexOf(stop) : 0));
  for (const button of items.flatMap((item) => [...item.querySelectorAll("button")])) {
    button.tabIndex = button.dataset.number === number ? 0 : -1;
  }
}

/** @param {State} state @param {Analysis} analysis */
export function drawMoves({ game, shown, analysing, lesson }, analysis) {
  const judges = analysing && !lesson, hasFocus = list.contains(document.activeElement);
  if (shown !== seen) stop = shown;
  listed = [];
  const item = (/** @type {GameNode} */ node) => html("li", {}, moveButton(node, node === shown, judges ? analysis : null));
  const items = game.line.flatMap((node, ply) => {
    const tried = node.children.filter((child) => child !== game.line[ply + 1]);
    return [...(node.parent ? [item(node)] : []), ...tried.map((first) => triedLine(first, shown))];
  });
  placeStop(items);
  keepEqual(items);
  if (hasFocus) list.querySelector(/** @type {"button"} */ ("button[tabindex='0']"))?.focus({ preventScroll: true });
  const current = list.querySelector("[aria-current]");
  if (shown !== seen && current instanceof HTMLElement) list.scrollTop = current.offsetTop - list.clientHeight / 2;
  seen = shown;
  byId("summary").hidden = !judges;
  byId("summary").textContent = judges ? summaryOf(game.line, analysis) : "";
}

/** Leaves what has not changed where it is: it may be under a finger at the moment. @param {HTMLElement[]} items */
function keepEqual(items) {
  for (const [i, item] of items.entries()) {
    const old = list.children[i];
    if (!old) list.append(item);
    else if (!old.isEqualNode(item)) old.replaceWith(item);
  }
  while (list.children.length > items.length) list.lastElementChild?.remove();
}

/** @param {GameNode} node @param {boolean} isShown @param {Analysis | null} analysis */
function moveButton(node, isShown, analysis) {
  const { mover, points, captured, action, ply } = node;
  const unseen = (/** @type {string} */ text) => html("span", { className: "unseen" }, text);
  const button = html("button", { type: "button" },
    html("span", { className: "number" }, ply), html("span", { className: `hex p${mover}` }),
    unseen(`${COLOURS[mover]}: `), notation(action));
  button.dataset.number = String(listed.push(node) - 1);
  if (points) button.append(html("span", { className: "gain" }, `+${points}`));
  if (captured.length) button.append(html("span", { className: "grass" }, `ψ${captured.join("ψ")}`));
  const judgement = analysis?.judgementOf(node) ?? null, turns = analysis?.isTurningPoint(node);
  if (analysis && (judgement || turns)) {
    const loss = judgement && judgement !== "good" ? `: it lost ${percent(analysis.lossOf(node) ?? 0)}` : "";
    const words = [judgement ? NAMES[judgement] + loss : "", turns ? "A turning point: the other player is ahead now" : ""];
    button.title = words.filter(Boolean).join(". ");
    if (judgement) button.classList.add(judgement);
    if (turns) button.classList.add("turn");
    button.append(html("span", { className: "mark" }, `${turns ? "⇄" : ""}${judgement ? MARKS[judgement] : ""}`));
    button.append(unseen(`. ${button.title}`));
  }
  if (isShown) button.setAttribute("aria-current", "step");
  return button;
}

/** A line that was tried, with those beside it. @param {GameNode} first @param {GameNode} shown @returns {HTMLLIElement} */
function triedLine(first, shown) {
  return html("li", { className: "tried" }, ...firstLine(first).flatMap((node) => {
    const others = node.children.slice(1).map((other) => html("div", { className: "tried" }, ...triedLine(other, shown).childNodes));
    return [moveButton(node, node === shown, null), ...others];
  }));
}

/** What the analysis has found. @param {GameNode[]} line @param {Analysis} analysis */
function summaryOf(line, analysis) {
  const mistakes = analysis.mistakes(line), { done, of } = analysis.progress(line);
  if (done < of || line.length < 2) return "";
  const count = (/** @type {number} */ player) => mistakes.filter(({ mover }) => mover === player).length;
  return `Mistakes: Blue ${count(1)}, Orange ${count(2)}. ? lost 10 % or more, ⇄ changed who is ahead.`;
}
