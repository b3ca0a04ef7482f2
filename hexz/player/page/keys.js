// The keyboard, but for the keys on the board.

import { button, byId, find, input } from "./dom.js";
import { memory } from "./memory.js";
import { back, changeTool, deleteTried, hint, openNew, redo, undo } from "./play.js";
import { leave } from "./review.js";
import { store } from "./session.js";
import { isOn, sound, turn } from "./sound.js";
import { isLive } from "./state.js";

const SHORTCUTS = "shortcuts"; // "off" in what the browser remembers

/** Whether single letters and signs do something: those who speak to their computer may not want that (WCAG 2.1.4). */
const areOn = () => memory.getItem(SHORTCUTS) !== "off";

export const openShortcuts = () => find("#shortcuts", HTMLDialogElement).showModal();
const analyse = () => input("analyse").click();

export function toggleSound() {
  turn(!isOn());
  byId("sound").setAttribute("aria-pressed", String(isOn()));
  sound("placed");
}

/** @type {Record<string, () => void>} */
const KEYS = {
  f: changeTool, u: undo, r: redo, h: hint, n: openNew, m: toggleSound, a: analyse, "?": openShortcuts,
  ",": () => button("previous").click(), ".": () => button("next").click(),
  Delete: deleteTried,
  Escape: () => (store.state.lesson ? leave() : !isLive(store.state) && back()),
};
/** @type {Record<string, string>} where no cell and no slider has the focus */
const STEPS = { ArrowLeft: "previous", ArrowRight: "next", Home: "first", End: "last" };

/** @param {KeyboardEvent} event */
export function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  const { target } = event;
  if (target instanceof Element && target.closest("dialog, select, input:not([type=radio], [type=checkbox], [type=range])")) return;
  const isSign = event.key.length === 1, action = KEYS[isSign ? event.key.toLowerCase() : event.key];
  if (action && (areOn() || !isSign)) {
    event.preventDefault();
    return action();
  }
  if (!(event.key in STEPS) || (target instanceof Element && target.closest("input, [data-cell]"))) return;
  event.preventDefault();
  button(STEPS[event.key]).click();
}


input("letters").checked = areOn();
input("letters").addEventListener("change", () => {
  if (input("letters").checked) memory.removeItem(SHORTCUTS);
  else memory.setItem(SHORTCUTS, "off");
});
