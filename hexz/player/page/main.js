// The page: what its buttons do, and how it begins.

import { shareOfClick } from "./board.js";
import { Computer } from "./computer.js";
import { button, byId, find, input } from "./dom.js";
import { learnPlayers, load, openAddress, save } from "./arrival.js";
import { OVERLAYS, steps } from "./drawing.js";
import { onKey, openShortcuts, toggleSound } from "./keys.js";
import { back, branch, deleteTried, hint, openNew, pauseOrGoOn, playNextLevel, redo, rematch, resign, undo } from "./play.js";
import { answer, goFurther, leave, startReview, tryAgain } from "./review.js";
import { analysis, currentLine, notify, store } from "./session.js";
import { share } from "./sharing.js";
import { isOn } from "./sound.js";
import { LINES, TOOLS } from "./tools.js";
import { outcome, title } from "./words.js";

function openSharing() {
  const { game, shown } = store.state;
  const words = shown !== game.tip ? `Move ${shown.ply}` : game.isOver ? outcome(game) : title(game);
  share({ link: location.href, words, name: `flagz-${game.seed ?? "game"}.png` });
}

for (const [id, action] of Object.entries({
  new: openNew, undo, redo, hint, resign, branch, back, delete: deleteTried, save, rematch, answer, leave,
  again: tryAgain, following: goFurther, learn: startReview, review: startReview, level: playNextLevel,
  share: openSharing, copy: openSharing, load: () => input("file").click(), go: pauseOrGoOn, help: openShortcuts, sound: toggleSound,
})) button(id).addEventListener("click", action);

input("file").addEventListener("change", load);
find("#notice .act", HTMLButtonElement).addEventListener("click", () => {
  const { notice } = store.state;
  notify("");
  notice?.action?.run();
});
find("#notice .close", HTMLButtonElement).addEventListener("click", () => notify(""));
find("#chart", SVGSVGElement).addEventListener("click", (event) => steps.go(Math.round(shareOfClick(event) * (currentLine().length - 1))));
byId("top").addEventListener("pointerover", ({ target }) => {
  const row = target instanceof Element && target.closest("[data-cell]");
  store.set({ looked: row ? Number(row.getAttribute("data-cell")) : null });
});
byId("top").addEventListener("pointerleave", () => store.set({ looked: null }));
for (const choice of TOOLS) choice.addEventListener("change", () => store.set({ tool: choice.value === "flag" ? "flag" : "normal" }));
for (const choice of OVERLAYS) choice.addEventListener("change", () => store.set({ overlay: choice.value }));
for (const choice of LINES) {
  choice.addEventListener("change", () => {
    const { lesson } = store.state;
    if (lesson) store.set({ lesson: { ...lesson, line: choice.value === "played" ? "played" : "better" } });
  });
}
input("analyse").addEventListener("change", () => store.set({ analysing: input("analyse").checked }));
document.addEventListener("keydown", onKey);
addEventListener("popstate", openAddress);

// A page in one file has the rules in a dialog.
const rules = document.querySelector("dialog#rules");
if (rules instanceof HTMLDialogElement) {
  find("header nav a", HTMLAnchorElement).addEventListener("click", (event) => {
    event.preventDefault();
    rules.showModal();
  });
}

byId("sound").setAttribute("aria-pressed", String(isOn()));
new Computer(store, analysis);
await learnPlayers();
await openAddress();
find("main", HTMLElement).classList.remove("loading");
