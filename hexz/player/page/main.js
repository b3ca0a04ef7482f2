// The page: what can be done, and which part of it shows what of the state.

import { Analysis } from "./analysis.js";
import { drawSides, percent, shareOfClick } from "./board.js";
import { cellOf, flagAction, isFlag, normalAction, notation, opponentOf } from "./cells.js";
import { Computer } from "./computer.js";
import { Stepper } from "./controls.js";
import { button, byId, find, html, input } from "./dom.js";
import { Game, PERSON, someSeed } from "./game.js";
import { begin, goTo, judge, newLesson } from "./lesson.js";
import { drawMoves } from "./moves.js";
import { drawPanel, lessonOverlay, opinionOf, overlayOf } from "./panel.js";
import { listPlayers, messageOf } from "./server.js";
import { levelsOf, offer, openSetup } from "./setup.js";
import { share } from "./sharing.js";
import { isOn, sound, turn } from "./sound.js";
import { actionOn, activeTool, choices, isLive, isThinking, purpose } from "./state.js";
import { Store } from "./store.js";
import { BoardView } from "./view.js";
import { describeCell, judgementText, nameOf, outcome, refusal, statusText, title, verdict } from "./words.js";
/** @import { GameNode } from "./game.js" */
/** @import { Lesson } from "./lesson.js" */
/** @import { Position } from "./rules.js" */
/** @import { Notice, State } from "./state.js" */
/** @import { Mark } from "./view.js" */

const NO_SERVER = "The server does not answer";
const OPPONENT = "opponent", UNFINISHED = "unfinished"; // what the browser remembers
const TOOLS = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("[name=tool]"));
const OVERLAYS = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("[name=overlay]"));
const LINES = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("[name=line]"));

const newGame = Game.fromSeed(someSeed(), [PERSON, PERSON]);
const store = new Store(/** @type {State} */ ({
  offers: [], game: newGame, shown: newGame.tip, tool: "normal", looked: null, hint: null, hinting: false,
  paused: "", trouble: null, notice: null, analysing: false, problem: null, overlay: "visits", news: 0, lesson: null,
}));
const analysis = new Analysis(store);
const board = new BoardView(find("#board", SVGSVGElement), { onChoose: choose, onLook: (looked) => store.set({ looked }) });
const steps = new Stepper(
  () => ({ position: store.state.shown.ply, last: currentLine().length - 1 }),
  (ply, forward) => show(currentLine()[ply], forward),
);

/** The line that the buttons and the slider lead through. */
const currentLine = () => store.state.game.lineThrough(store.state.shown);

// --- What can be done ----------------------------------------------------------------------------

/** @param {GameNode} node @param {boolean} [forward] whether it is the next one */
function show(node, forward = false) {
  const { lesson } = store.state;
  store.set({ shown: node, notice: null, lesson: lesson && node !== lesson.start && node !== lesson.tried ? null : lesson });
  if (forward) board.animate(node.changes);
}

/** Puts another game in the place of this one. @param {Game} game */
function start(game) {
  const { offers } = store.state;
  const paused = offers.length || game.isForPersons ? null : NO_SERVER;
  store.set({ game, shown: game.tip, tool: "normal", hint: null, lesson: null, paused, trouble: null, notice: null });
}

/** The same, so that "Back" of the browser brings this one again. @param {Game} game */
function replaceGame(game) {
  const computer = game.onlyPerson ? game.players[opponentOf(game.onlyPerson) - 1] : null;
  if (computer) localStorage.setItem(OPPONENT, computer);
  history.pushState(null, "", `#${game.toLink()}`);
  start(game);
}

/** A click on a cell, or Enter: only what the board shows can be played. @param {number} cell */
function choose(cell) {
  const { state } = store, action = actionOn(state, cell), why = purpose(state);
  if (!choices(state).includes(action)) return notify(refusal(state, cell));
  if (why === "play") {
    const game = state.game.play(action);
    store.set({ game, shown: game.tip, tool: "normal", notice: null, looked: cell });
  } else {
    const tried = state.shown.child(action);
    const lesson = state.lesson && judge({ ...state.lesson, phase: "judging", tried }, analysis);
    store.set({ shown: tried, lesson, tool: "normal", notice: null, looked: cell });
  }
  board.animate(store.state.shown.changes);
}

/** Shows a message in the place of what is said about a cell. @param {string} text @param {Notice["action"]} [action] */
function notify(text, action) {
  store.set({ notice: text ? { text, action } : null });
}

/** Goes back to an earlier state of the game, or on to a later one. @param {Game | null} game */
function change(game) {
  if (!game || !isLive(store.state)) return;
  const paused = game.players.includes(PERSON) ? null : ""; // computers would play on at once
  store.set({ game, shown: game.tip, tool: "normal", hint: null, paused, trouble: null, notice: null });
}

const undo = () => change(store.state.game.undo());
const redo = () => change(store.state.game.later);

function changeTool() {
  const { state } = store;
  store.set({ tool: activeTool(state) === "flag" ? "normal" : "flag" });
}

async function pauseOrGoOn() {
  const { paused, offers } = store.state;
  if (paused === null) return store.set({ paused: "" });
  if (!offers.length) await learnPlayers();
  store.set({ paused: store.state.offers.length ? null : NO_SERVER, trouble: null });
}

/** Goes on from the position that is shown: the moves after it stay in the list, as what was tried. */
function branch() {
  const { game, shown } = store.state, next = game.goOnFrom(shown);
  store.set({ game: next, shown: next.tip, paused: next.players.includes(PERSON) ? null : "", lesson: null, notice: null });
}

const back = () => show(store.state.game.tip);

async function resign() {
  if (!(await confirm("Resign this game?", "Resign"))) return;
  const { game } = store.state, { turn: toMove } = game.position;
  const next = game.resign(game.onlyPerson || toMove);
  store.set({ game: next, shown: next.tip, hint: null });
}

function openNew() {
  const { game } = store.state;
  openSetup(game.players, game.length > 0 && !game.isOver, (seed, seats) => replaceGame(Game.fromSeed(seed, seats)));
}

const rematch = () => {
  const [blue, orange] = store.state.game.players;
  replaceGame(Game.fromSeed(someSeed(), [orange, blue]));
};

/** The level above the one that the only person has beaten, if there is one. @param {State} state */
function nextLevel({ game, offers }) {
  const person = game.onlyPerson, levels = levelsOf(offers);
  if (!person || game.winner !== person) return null;
  const number = levels.findIndex(({ spec }) => spec === game.players[opponentOf(person) - 1]);
  return number < 0 ? null : levels[number + 1] ?? null;
}

function playNextLevel() {
  const next = nextLevel(store.state), person = store.state.game.onlyPerson;
  if (next) replaceGame(Game.fromSeed(someSeed(), person === 1 ? [PERSON, next.spec] : [next.spec, PERSON]));
}

async function hint() {
  const { state } = store, { shown } = state;
  if (!purpose(state) || state.lesson || state.hinting || !analysis.player) return;
  store.set({ hinting: true });
  try {
    const reply = await analysis.request(shown);
    store.set({ hint: { node: shown, action: reply.move } });
  } catch (error) {
    notify(`${messageOf(error)}.`, { name: "Try again", run: hint });
  }
  store.set({ hinting: false });
}

// --- The review ----------------------------------------------------------------------------------

function startReview() {
  const { game, offers } = store.state;
  if (offers.length && game.length) store.set({ lesson: newLesson(game), shown: game.tip, notice: null, hint: null });
}

/** @param {Lesson} lesson */
function setLesson(lesson) {
  store.set({ lesson, shown: lesson.phase === "done" ? store.state.game.tip : lesson.start, tool: "normal", notice: null });
}

/** @param {(lesson: Lesson) => Lesson} next */
const inLesson = (next) => () => store.state.lesson && setLesson(next(store.state.lesson));
const answer = inLesson((lesson) => ({ ...lesson, phase: "answer", line: "better" }));
const tryAgain = inLesson((lesson) => goTo(lesson, lesson.number));
const goFurther = inLesson((lesson) => goTo(lesson, lesson.number + 1));
const leave = () => store.set({ lesson: null, shown: store.state.game.tip });

/** The lesson goes on once the analysis knows what it needs. */
store.follow(({ lesson, game, news }, before) => {
  if (!lesson || (news === before.news && lesson === before.lesson)) return;
  if (lesson.phase === "preparing" && game.line.every((node) => analysis.isDone(node))) {
    setLesson(begin(lesson, game, analysis));
  } else if (lesson.phase === "judging") {
    store.set({ lesson: judge(lesson, analysis) });
  }
});

// --- Drawing -------------------------------------------------------------------------------------

/** What a cell holds, what can be done with it, and what the analysis thinks of that. @param {number} cell */
function labelOf(cell) {
  const { state } = store, opinions = opinionsOn(cell);
  return describeCell(state.shown.position, cell, !purpose(state) && state.game.isOver) + (opinions && `. ${opinions}`);
}

/** @param {number} cell */
function opinionsOn(cell) {
  const { analysing, lesson, shown } = store.state, reply = analysing && !lesson && analysis.of(shown.position);
  if (!reply) return "";
  return [normalAction(cell), flagAction(cell)].map((action) => {
    const opinion = opinionOf(reply, action);
    if (!opinion || opinion.chance === null) return "";
    return `${notation(action)}: ${percent(opinion.visits)} of visits, wins ${percent(opinion.chance)}`;
  }).filter(Boolean).join("; ");
}

/** @param {State} state */
function drawBoard(state) {
  const { shown: { position } } = state, flags = activeTool(state) === "flag";
  board.draw(position, labelOf);
  board.showChoices(choices(state).map((action) => {
    const cell = cellOf(action);
    return { cell, player: position.turn, text: flags ? "" : position.nextValue(position.turn, cell) };
  }));
}

/** @param {State} state */
function drawMarks(state) {
  const { shown, hint, looked } = state, { position } = shown;
  /** @type {Mark[]} */
  const marks = shown.changes.map(({ cell, step }) => ({ cell, name: step ? "taken" : "last" }));
  if (hint?.node === shown) marks.push(piece(position, hint.action, "hinted"));
  const action = looked === null ? -1 : actionOn(state, looked);
  if (looked !== null && purpose(state) && position.isLegal(action)) {
    marks.push(piece(position, action, "preview"));
    marks.push(...position.captures(action).map(({ cell }) => ({ cell, name: "taken", className: "preview" })));
  }
  board.showMarks(marks);
}

/** @param {Position} position @param {number} action @param {string} className */
function piece(position, action, className) {
  const cell = cellOf(action), name = `${isFlag(action) ? "flag" : "cell"}${position.turn}`;
  const value = isFlag(action) ? "" : position.nextValue(position.turn, cell);
  return { cell, name, value, className: `${className} hz-${name}` };
}

/** @param {State} state */
function drawPlayers(state) {
  const { game, offers, shown: { position: { score, flagsLeft: flags, turn: toMove, isOver } } } = state;
  const ended = isOver || (game.isOver && isLive(state)), names = [1, 2].map((player) => nameOf(game, player, offers));
  drawSides({ names, score, flags, toMove: ended ? 0 : toMove, winner: ended && isLive(state) ? game.winner ?? 0 : 0 });
}

/** @param {Element} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text; // or screen readers would repeat it
}

/** @param {State} state */
function drawStatus(state) {
  const { game, paused } = state;
  setText(byId("status"), statusText(state, analysis));
  byId("status").classList.toggle("busy", isThinking(state) && isLive(state));
  const stopped = paused !== null && game.isComputersTurn, watching = !game.players.includes(PERSON);
  byId("go").hidden = game.isOver || !isLive(state) || !(stopped || watching);
  byId("go").textContent = !stopped ? "Pause" : paused ? "Try again" : "Go on";
  const news = game.isOver ? verdict(game, game.onlyPerson) : game.isPersonsTurn && game.onlyPerson ? "Your turn" : "";
  document.title = news ? `${news} – Flagz` : "Flagz";
}

/** @param {State} state */
function drawDetail({ looked, shown, analysing, lesson, notice }) {
  setText(byId("detail"), looked !== null ? labelOf(looked) : analysing && !lesson ? judgementText(shown, analysis) : "");
  byId("notice").hidden = !notice;
  setText(find("#notice span", HTMLElement), notice?.text ?? "");
  const act = find("#notice .act", HTMLButtonElement);
  act.hidden = !notice?.action;
  act.textContent = notice?.action?.name ?? "";
}

/** @param {State} state */
function drawTools(state) {
  const { game, shown, lesson, offers } = state, { position } = shown, active = activeTool(state), playable = purpose(state) !== null;
  const live = isLive(state), over = live && game.isOver, bar = lesson ? "lesson" : over ? "over" : live ? "live" : "away";
  for (const id of ["live", "away", "over", "lesson"]) byId(id).hidden = id !== bar;
  byId("tool").hidden = lesson ? lesson.phase === "answer" || lesson.phase === "done" : over;
  for (const choice of TOOLS) {
    const possible = choice.value === "flag" ? position.flagsOf(position.turn) : position.normalMoves(position.turn).length;
    choice.checked = choice.value === active;
    choice.disabled = !playable || !possible;
  }
  for (const id of ["undo", "redo"]) byId(id).hidden = bar === "away" || bar === "lesson";
  button("undo").disabled = !live || !game.undo();
  button("redo").disabled = !live || !game.later;
  button("hint").disabled = purpose(state) !== "play" || !offers.length;
  byId("hint").classList.toggle("busy", state.hinting);
  button("resign").disabled = game.isOver || !game.players.includes(PERSON);
  button("branch").disabled = shown.position.isOver;
  drawOver(state);
  drawLesson(state);
}

/** @param {State} state */
function drawOver(state) {
  const next = nextLevel(state);
  byId("level").hidden = !next;
  byId("level").textContent = next ? `Next: ${next.name}` : "";
  byId("rematch").classList.toggle("primary", !next);
  byId("rematch").hidden = !state.game.players.includes(PERSON);
  button("learn").disabled = button("review").disabled = !state.offers.length || !state.game.length || state.lesson !== null;
  byId("review").textContent = state.game.onlyPerson ? "Learn from your mistakes" : "Learn from the mistakes";
}

/** @param {State} state */
function drawLesson({ lesson, problem }) {
  if (!lesson) return;
  const { phase, mistakes, number } = lesson;
  const canTry = phase === "wrong" || phase === "right" || phase === "answer" || (phase === "judging" && problem !== null);
  button("again").disabled = !canTry;
  byId("answer").hidden = phase === "answer";
  button("answer").disabled = !(phase === "find" || phase === "wrong" || phase === "right");
  byId("lines").hidden = phase !== "answer";
  for (const choice of LINES) choice.checked = choice.value === lesson.line;
  button("following").disabled = phase === "preparing" || phase === "done" || phase === "judging";
  byId("following").textContent = phase === "find" ? "Skip" : number + 1 < mistakes.length ? "Next" : "Finish";
}

/** @param {State} state */
function drawAnalysis(state) {
  const { analysing, lesson, shown, overlay, offers } = state, on = analysing && !lesson, reply = analysis.of(shown.position);
  byId("analysis-on").hidden = !on;
  byId("analysis-off").hidden = on;
  byId("analysis-off").textContent = lesson ? "Hidden while you look for better moves."
    : "Shows who is ahead, what the computer would play, and which moves were mistakes.";
  input("analyse").checked = analysing;
  input("analyse").disabled = !offers.length;
  for (const choice of OVERLAYS) choice.checked = choice.value === overlay;
  board.showOverlay(lesson ? lessonOverlay(state, analysis) : on ? overlayOf(overlay, reply, shown.position) : []);
  board.showGround(on && overlay === "ground" ? reply?.outlook?.ownership ?? null : null);
  if (on) drawPanel(state, analysis);
}

/** What shows which part of the state. @type {[(state: State) => void, (keyof State)[]][]} */
const PARTS = [
  [drawBoard, ["game", "shown", "tool", "lesson", "analysing", "news"]],
  [drawMarks, ["game", "shown", "tool", "lesson", "hint", "looked"]],
  [drawPlayers, ["game", "shown", "offers"]],
  [drawStatus, ["game", "shown", "offers", "hint", "paused", "trouble", "lesson", "news", "problem"]],
  [drawDetail, ["game", "shown", "looked", "notice", "analysing", "lesson", "news"]],
  [drawTools, ["game", "shown", "tool", "offers", "lesson", "hinting", "problem"]],
  [() => steps.draw(), ["game", "shown"]],
  [(state) => drawMoves(state, analysis, show), ["game", "shown", "analysing", "lesson", "news"]],
  [drawAnalysis, ["game", "shown", "offers", "analysing", "overlay", "lesson", "news", "problem"]],
];

store.follow((state, before) => {
  for (const [draw, parts] of PARTS) if (parts.some((part) => state[part] !== before[part])) draw(state);
});

/** A computer's move comes with its animation; all moves of the game with a sound. */
store.follow(({ game, shown }, before) => {
  if (game === before.game || game.root !== before.game.root) return;
  if (game.tip.parent === before.game.tip) {
    if (shown === game.tip && game.tip.mover && !game.isPerson(game.tip.mover)) board.animate(shown.changes);
    sound(game.tip.captured.length ? "captured" : isFlag(game.tip.action) ? "flag" : "placed");
  }
  if (game.isOver && !before.game.isOver) sound("over");
});

/** The address is the game, and the browser remembers one that is not finished. */
store.follow(({ game, shown }, before) => {
  if (game === before.game && shown === before.shown) return;
  const link = game.toLink();
  history.replaceState(null, "", `#${link}`);
  if (!game.players.includes(PERSON) || game === before.game) return;
  if (game.isOver || !game.length) {
    if (game.isOver) localStorage.removeItem(UNFINISHED);
  } else localStorage.setItem(UNFINISHED, link);
});

// --- Dialogs, links and files --------------------------------------------------------------------

/** Asks a question that can be answered with yes or no. @param {string} question @param {string} yes @returns {Promise<boolean>} */
function confirm(question, yes) {
  const dialog = find("#confirm", HTMLDialogElement);
  byId("question").textContent = question;
  byId("yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

function openSharing() {
  const { game, shown } = store.state;
  const words = shown !== game.tip ? `Move ${shown.ply}` : game.isOver ? outcome(game) : title(game);
  share({ link: location.href, words, name: `flagz-${game.seed ?? "game"}.png` });
}

function save() {
  const { game } = store.state, href = URL.createObjectURL(new Blob([game.toFile()], { type: "application/json" }));
  html("a", { href, download: `flagz-${game.seed ?? "game"}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}

async function load() {
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
  const last = offers.find(({ spec }) => spec === localStorage.getItem(OPPONENT));
  return Game.fromSeed(someSeed(), [PERSON, (last ?? gentle)?.spec ?? PERSON]);
}

/** Begins the game of the address, or a new one, and offers one that was not finished. */
function openAddress() {
  const link = location.hash.slice(1);
  if (!link) return openPlainAddress();
  try {
    start(seated(Game.fromLink(link)));
  } catch (error) {
    start(defaultGame());
    notify(`The link is no game that can be read. ${messageOf(error)}`);
  }
}

function openPlainAddress() {
  start(defaultGame());
  try {
    const game = seated(Game.fromLink(localStorage.getItem(UNFINISHED) ?? ""));
    const opponent = game.onlyPerson ? ` against ${nameOf(game, opponentOf(game.onlyPerson), store.state.offers)}` : "";
    notify(`Your game${opponent} is at move ${game.length}.`, { name: "Go on with it", run: () => replaceGame(game) });
  } catch {
    localStorage.removeItem(UNFINISHED); // there is none, or none that can be read
  }
}

async function learnPlayers() {
  try {
    store.set({ offers: await listPlayers() });
  } catch {
    store.set({ offers: [] }); // two people can still play
  }
  offer(store.state.offers);
}

// --- Keys and buttons ----------------------------------------------------------------------------

const openShortcuts = () => find("#shortcuts", HTMLDialogElement).showModal();
const analyse = () => input("analyse").click();

function toggleSound() {
  turn(!isOn());
  byId("sound").setAttribute("aria-pressed", String(isOn()));
  sound("placed");
}

/** @type {Record<string, () => void>} */
const KEYS = {
  f: changeTool, u: undo, r: redo, h: hint, n: openNew, m: toggleSound, a: analyse, "?": openShortcuts,
  ",": () => button("previous").click(), ".": () => button("next").click(),
  Escape: () => (store.state.lesson ? leave() : !isLive(store.state) && back()),
};
/** @type {Record<string, string>} where no cell and no slider has the focus */
const STEPS = { ArrowLeft: "previous", ArrowRight: "next", Home: "first", End: "last" };

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  const { target } = event;
  if (target instanceof Element && target.closest("dialog, select, input:not([type=radio], [type=checkbox], [type=range])")) return;
  const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (action) {
    event.preventDefault();
    return action();
  }
  if (!(event.key in STEPS) || (target instanceof Element && target.closest("input, [data-cell]"))) return;
  event.preventDefault();
  button(STEPS[event.key]).click();
}

for (const [id, action] of Object.entries({
  new: openNew, undo, redo, hint, resign, branch, back, save, rematch, answer, leave,
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
openAddress();
find("main", HTMLElement).classList.remove("loading");
