// The page: one game, the position that is shown, and everything that changes them.

import { Analysis, MISTAKE, chanceOf } from "./analysis.js";
import { drawSides, percent, shareOfClick } from "./board.js";
import { cellName, cellOf, flagAction, isFlag, normalAction, notation, opponentOf } from "./cells.js";
import { Stepper } from "./controls.js";
import { button, byId, find, html, input } from "./dom.js";
import { Game, PERSON, someSeed } from "./game.js";
import { drawMoves, drawPanel, opinionOf, overlayOf, summaryOfMistakes } from "./panel.js";
import { NoAnswer, listPlayers, messageOf, suggest } from "./server.js";
import { offer, openSetup } from "./setup.js";
import { BoardView } from "./view.js";
import { COLOURS, describeCell, describeMove, invitation, onePerson, outcome } from "./words.js";
/** @import { Position } from "./rules.js" */
/** @import { Offer, Question } from "./server.js" */
/** @import { Mark } from "./view.js" */

const SHOWN_MS = 450; // how long a move is on the board before a computer answers
const RETRY_MS = 2000, SETTLE_MS = 200, NOTICE_MS = 6000;
const NO_SERVER = "The server does not answer";

/** @type {Record<string, () => void>} */
const KEYS = { f: changeTool, u: undo, h: hint };
const TOOLS = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("[name=tool]"));

/** @param {number} milliseconds */
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @type {Offer[]} what the server offers */
let players = [];
/** @type {Game} */
let game;
let tool = "normal";
/** @type {number | null} the cell under the pointer, or focused */
let looked = null;
/** @type {{ position: Position, action: number } | null} what "Hint" found */
let hinted = null;
/** @type {AbortController | null} of the computer that is thinking */
let turn = null;
/** @type {string | null} why no computer goes on: "" on request, or a problem */
let paused = null;
/** @type {AbortController | null} of the search for mistakes */
let search = null;
/** @type {string | null} */
let analysisProblem = null;

const analysis = new Analysis(() => render());
const steps = new Stepper(() => game.length, (forward) => {
  analysisProblem = null;
  render();
  if (forward && steps.position) board.animate(game.changes(steps.position - 1));
  analyseSoon();
});

/** The position that is shown. */
const shown = () => game.positions[steps.position];
const showsLast = () => steps.position === game.length;

// --- Words ---------------------------------------------------------------------------------------

/** @param {string} spec */
const nameOfSpec = (spec) => players.find((player) => player.spec === spec)?.name ?? spec;

/** @param {number} player */
function nameOf(player) {
  if (!game.isPerson(player)) return nameOfSpec(game.players[player - 1]);
  return onePerson(game) ? "You" : COLOURS[player];
}

/** What is to be said of the move that led to the shown position, if it was a mistake. */
function mistakeText() {
  const ply = steps.position, loss = ply && input("analyse").checked ? analysis.lossOf(game, ply - 1) : null;
  const best = loss !== null && loss >= MISTAKE ? analysis.of(game.positions[ply - 1])?.move : undefined;
  return best === undefined ? "" : `A mistake: it lost ${percent(loss ?? 0)}, better was ${notation(best)}.`;
}

function statusText() {
  const ply = steps.position;
  if (ply === 0 && game.length) return "The start of the game.";
  if (!showsLast()) return `Move ${ply}: ${describeMove(game, ply - 1)}`;
  const last = ply && !game.resigned ? `${describeMove(game, ply - 1)} ` : "";
  if (game.isOver) return `${last}${outcome(game)}`;
  if (hinted?.position === game.position) return hintText(hinted);
  if (game.isPersonsTurn) return last + invitation(game);
  if (paused !== null) return paused ? `${paused}.` : `${last}Paused.`;
  return `${last}${nameOf(game.position.turn)} is thinking …`;
}

/** @param {{ position: Position, action: number }} hint */
function hintText({ position, action }) {
  const what = isFlag(action) ? "plant a flag on" : "place on";
  const chance = chanceOf(analysis.of(position)?.value ?? 0);
  return `I would ${what} ${cellName(cellOf(action))}: wins ${percent(chance)}.`;
}

/** What a cell holds, what can be done with it, and what the analysis thinks of that. @param {number} cell */
function labelOf(cell) {
  const opinions = opinionsOn(cell);
  return describeCell(shown(), cell, game.isOver) + (opinions && `. ${opinions}`);
}

/** @param {number} cell */
function opinionsOn(cell) {
  const reply = input("analyse").checked && !game.isOver && analysis.of(shown());
  if (!reply) return "";
  return [normalAction(cell), flagAction(cell)].map((action) => {
    const opinion = opinionOf(reply, action);
    if (!opinion || opinion.chance === null) return "";
    return `${notation(action)}: ${percent(opinion.visits)} of visits, wins ${percent(opinion.chance)}`;
  }).filter(Boolean).join("; ");
}

// --- Drawing -------------------------------------------------------------------------------------

/** Whether a click on the board would be a move. */
const canPlay = () => showsLast() && game.isPersonsTurn;

/** The kind of move that a click makes: the chosen one, if it is possible at all. */
function activeTool() {
  const position = shown();
  if (!position.flagsOf(position.turn)) return "normal";
  return position.normalMoves(position.turn).length ? tool : "flag";
}

/** @param {number} cell */
const actionOn = (cell) => (activeTool() === "flag" ? flagAction(cell) : normalAction(cell));

function render() {
  board.draw(shown(), labelOf);
  drawChoices();
  drawMarks();
  drawPlayers();
  drawStatus();
  drawTools();
  steps.drawControls();
  drawAnalysis();
}

function drawChoices() {
  const position = shown(), flags = activeTool() === "flag";
  const choices = canPlay() ? position.legalActions().filter((action) => isFlag(action) === flags) : [];
  board.showChoices(choices.map((action) => {
    const cell = cellOf(action);
    return { cell, player: position.turn, text: flags ? "" : position.nextValue(position.turn, cell) };
  }));
}

function drawMarks() {
  const position = shown();
  /** @type {Mark[]} */
  const marks = [];
  if (steps.position) {
    const changes = game.changes(steps.position - 1);
    marks.push(...changes.map(({ cell, step }) => ({ cell, name: step ? "taken" : "last" })));
  }
  if (hinted?.position === position) marks.push(piece(position, hinted.action, "hinted"));
  if (looked !== null && canPlay() && position.isLegal(actionOn(looked))) {
    const action = actionOn(looked);
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

function drawPlayers() {
  const { score, flagsLeft: flags, turn: toMove, isOver } = shown();
  const live = !isOver && !(game.isOver && showsLast());
  const names = [1, 2].map(nameOf), winner = live ? 0 : game.winner ?? 0;
  drawSides({ names, score, flags, toMove: live ? toMove : 0, winner });
}

/** @param {Element} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text; // or screen readers would repeat it
}

function drawStatus() {
  setText(byId("status"), statusText());
  byId("status").classList.toggle("busy", turn !== null && showsLast());
  const watching = !game.players.includes(PERSON);
  const stopped = paused !== null && !game.isPersonsTurn;
  byId("branch").hidden = showsLast();
  byId("go").hidden = game.isOver || !showsLast() || !(stopped || watching);
  byId("go").textContent = !stopped ? "Pause" : paused ? "Try again" : "Go on";
  drawDetail();
}

function drawDetail() {
  byId("detail").textContent = looked === null ? mistakeText() : labelOf(looked);
}

function drawTools() {
  const position = shown(), active = activeTool(), playable = canPlay();
  for (const choice of TOOLS) {
    const possible = choice.value === "flag" ? position.flagsOf(position.turn) : position.normalMoves(position.turn).length;
    choice.checked = choice.value === active;
    choice.disabled = !playable || !possible;
  }
  button("undo").disabled = game.undoLength < 0;
  button("hint").disabled = !playable || !players.length;
  button("resign").disabled = game.isOver || !game.players.includes(PERSON);
}

function drawAnalysis() {
  const on = input("analyse").checked, ply = steps.position, position = shown();
  byId("analysis-on").hidden = !on;
  byId("analysis-off").hidden = on;
  input("analyse").disabled = !players.length;
  drawMoves({ game, ply, analysis, showMistakes: on, go: (count) => steps.go(count) });
  const kind = find("[name=overlay]:checked", HTMLInputElement).value;
  board.showOverlay(on ? overlayOf(kind, analysis.of(position), position) : []);
  if (!on) return;
  drawPanel({ game, ply, analysis, problem: analysisProblem });
  byId("mistakes").textContent = search ? "Stop" : "Find mistakes";
  button("mistakes").disabled = game.length === 0;
  if (!search) return;
  const known = game.positions.filter((position) => analysis.chanceOfFirst(position) !== null).length;
  byId("found").textContent = `${known} of ${game.positions.length} positions`;
}

// --- Changing the game ---------------------------------------------------------------------------

const remember = () => history.replaceState(null, "", `#${game.toLink()}`);

/** Puts another game in the place of this one, which "Back" of the browser brings again. @param {Game} next */
function replaceGame(next) {
  history.pushState(null, "", `#${next.toLink()}`);
  begin(next);
}

/** @param {Game} next */
function begin(next) {
  search?.abort();
  stopThinking();
  game = next;
  paused = players.length || next.isForPersons ? null : NO_SERVER;
  byId("found").textContent = "";
  tool = "normal";
  steps.go(game.length);
  play();
}

/** Plays a move at the end of the game. @param {number} action */
function commit(action) {
  const follows = showsLast();
  game.play(action);
  tool = "normal";
  remember();
  if (follows) steps.go(game.length, true);
  else render();
  play();
}

function stopThinking() {
  turn?.abort();
  turn = null;
}

/** Lets a computer move if it is its turn. */
async function play() {
  if (game.isOver || game.isPersonsTurn || paused !== null || turn) return;
  const controller = new AbortController(), { position } = game;
  const player = game.players[position.turn - 1];
  turn = controller;
  render();
  try {
    const question = { board: game.board, actions: game.actions.slice(), player, signal: controller.signal };
    const [reply] = await Promise.all([patientSuggest(question), wait(SHOWN_MS)]);
    if (turn !== controller) return;
    turn = null;
    analysis.learn(position, reply, player);
    commit(reply.move);
  } catch (error) {
    if (turn !== controller) return;
    turn = null;
    paused = messageOf(error);
    render();
  }
}

/** Asks again while the server is too busy. @param {Question} question */
async function patientSuggest(question) {
  for (let attempts = 5; ; attempts--) {
    try {
      return await suggest(question);
    } catch (error) {
      if (!(error instanceof NoAnswer && error.again) || !attempts) throw error;
      await wait(RETRY_MS);
      if (question.signal?.aborted) throw error;
    }
  }
}

/** @param {number} cell */
function choose(cell) {
  looked = cell;
  if (!showsLast()) return notify("You look at an earlier move. “Play from here” goes on from it.");
  if (!canPlay()) return;
  const action = actionOn(cell);
  if (game.position.isLegal(action)) return commit(action);
  const { kind } = game.position.cells[cell];
  if (kind === "empty" && activeTool() === "normal" && game.position.flagsOf(game.position.turn)) {
    notify("No value can be placed here. Choose “Flag” to plant one.");
  }
  render();
}

/** @param {number | null} cell */
function look(cell) {
  if (looked === cell) return;
  looked = cell;
  drawMarks();
  drawDetail();
}

function changeTool() {
  tool = activeTool() === "flag" ? "normal" : "flag";
  render();
}

async function pauseOrGoOn() {
  stopThinking();
  paused = paused === null ? "" : null;
  if (!players.length) {
    await learnPlayers();
    if (!players.length) paused = NO_SERVER;
  }
  render();
  play();
}

/** Drops all moves after the first `length`. @param {number} length */
function cutTo(length) {
  stopThinking();
  search?.abort();
  paused = game.players.includes(PERSON) ? null : "";
  game.truncate(length);
  remember();
  steps.go(length);
  play();
}

function undo() {
  if (game.undoLength >= 0) cutTo(game.undoLength);
}

/** Goes on from the position that is shown; "Back" of the browser brings the whole game again. */
function branch() {
  history.pushState(null, "", location.hash);
  cutTo(steps.position);
}

function resign() {
  const { turn: toMove } = game.position;
  game.resign(game.isPerson(toMove) ? toMove : opponentOf(toMove));
  stopThinking();
  remember();
  steps.go(game.length);
}

// --- Asking the computer -------------------------------------------------------------------------

let analysisTimer = 0;

/** Whether the shown position is to be analysed, and no computer is about to tell anyway. */
function wantsAnalysis() {
  const position = shown();
  if (!input("analyse").checked || position.isOver || analysis.of(position)) return false;
  return !(turn && showsLast() && game.players[position.turn - 1] === analysis.player);
}

/** Analyses the shown position, once the reader stays at it. */
function analyseSoon() {
  clearTimeout(analysisTimer);
  analysisTimer = setTimeout(async () => {
    if (!wantsAnalysis()) return;
    const position = shown();
    try {
      await analysis.request(game, steps.position);
    } catch (error) {
      if (shown() !== position) return;
      analysisProblem = messageOf(error);
      render();
    }
  }, SETTLE_MS);
}

async function hint() {
  if (!canPlay()) return;
  const { position } = game;
  byId("hint").classList.add("busy");
  try {
    const reply = await analysis.request(game, game.length);
    hinted = { position, action: reply.move };
  } catch (error) {
    notify(`${messageOf(error)}.`);
  }
  byId("hint").classList.remove("busy");
  render();
}

async function findMistakes() {
  if (search) return search.abort();
  const controller = new AbortController(), current = game;
  search = controller;
  let summary = "";
  render();
  try {
    await analysis.requestAll(game, controller.signal);
    if (!controller.signal.aborted) summary = summaryOfMistakes(game, analysis);
  } catch (error) {
    summary = `${messageOf(error)}.`;
  }
  search = null;
  if (game === current) byId("found").textContent = summary;
  render();
}

// --- Links and files -----------------------------------------------------------------------------

let noticeTimer = 0;

/** @param {string} text */
function notify(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { byId("notice").hidden = true; }, NOTICE_MS);
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href);
    notify("The link is copied. It opens the game as it is now.");
  } catch {
    notify("The browser does not let the page copy. The address of this page is the link.");
  }
}

function save() {
  const href = URL.createObjectURL(new Blob([game.toFile()], { type: "application/json" }));
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

/** Puts persons in the place of computers that the server does not offer. @param {Game} loaded */
function seated(loaded) {
  if (!players.length) return loaded; // it may come back
  const offered = [PERSON, ...players.map(({ spec }) => spec)];
  loaded.players = loaded.players.map((player) => (offered.includes(player) ? player : PERSON));
  return loaded;
}

/** The game of the address, or a new one. */
function gameOfAddress() {
  const link = location.hash.slice(1);
  try {
    if (link) return seated(Game.fromLink(link));
  } catch (error) {
    notify(`The link is no game that can be read. ${messageOf(error)}`);
  }
  return Game.fromSeed(someSeed(), [PERSON, players[0]?.spec ?? PERSON]);
}

// --- Start ---------------------------------------------------------------------------------------

async function learnPlayers() {
  try {
    players = await listPlayers();
  } catch {
    players = []; // two people can still play
  }
  analysis.player = players[0]?.spec ?? null;
  offer(players);
}

const board = new BoardView(find("#board", SVGSVGElement), { onChoose: choose, onLook: look });
await learnPlayers();
begin(gameOfAddress());
remember();

for (const [id, action] of Object.entries({
  new: () => openSetup(game.players, (seed, seats) => replaceGame(Game.fromSeed(seed, seats))),
  undo, hint, resign, branch, save,
  copy: copyLink,
  mistakes: findMistakes,
  load: () => input("file").click(),
  go: pauseOrGoOn,
})) button(id).addEventListener("click", action);

input("file").addEventListener("change", load);
find("#chart", SVGSVGElement).addEventListener("click", (event) => steps.go(Math.round(shareOfClick(event) * game.length)));
byId("top").addEventListener("pointerover", ({ target }) => {
  const row = target instanceof Element && target.closest("[data-cell]");
  look(row ? Number(row.getAttribute("data-cell")) : null);
});
byId("top").addEventListener("pointerleave", () => look(null));
for (const choice of TOOLS) {
  choice.addEventListener("change", () => {
    tool = choice.value;
    render();
  });
}
for (const choice of document.querySelectorAll("[name=overlay]")) choice.addEventListener("change", () => render());
input("analyse").addEventListener("change", () => steps.go(steps.position));
find("#board", SVGSVGElement).addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  KEYS[event.key.toLowerCase()]?.();
});
addEventListener("popstate", () => begin(gameOfAddress()));
