// The page: one game, the position that is shown, and everything that changes them.

import { Analysis, MISTAKE, chanceOf } from "./analysis.js";
import { BoardView, svg } from "./board.js";
import { Game, PERSON, someSeed } from "./game.js";
import { drawMoves, drawPanel, opinionOf, overlayOf, percent, summaryOfMistakes } from "./panel.js";
import { cellName, cellOf, flagAction, isFlag, normalAction, notation } from "./rules.js";
import { NoAnswer, listPlayers, suggest } from "./server.js";
import { offer, openSetup } from "./setup.js";

const SHOWN_MS = 450; // how long a move is on the board before a computer answers
const REPLAY_MS = 700, RETRY_MS = 2000, SETTLE_MS = 200, NOTICE_MS = 6000;
const NO_SERVER = "The server does not answer";
const COLOURS = { 1: "Blue", 2: "Orange" };
const OWN_TOOLS = { f: changeTool, u: undo, h: hint };

const byId = (id) => document.getElementById(id);
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

let players = []; // what the server offers: [{spec, name}]
let game = null;
let ply = 0; // how many moves of the game the board shows
let tool = "normal";
let looked = null; // the cell under the pointer, or focused
let hinted = null; // {position, action} that "Hint" found
let turn = null; // AbortController of the computer that is thinking
let paused = null; // why no computer goes on: "" on request, or a problem
let replay = null; // timer
let search = null; // AbortController of the search for mistakes
let analysisProblem = null;

const analysis = new Analysis(() => render());
const board = new BoardView(byId("board"), { onChoose: choose, onLook: look });

// --- Words ---------------------------------------------------------------------------------------

const nameOfSpec = (spec) => players.find((player) => player.spec === spec)?.name ?? spec;
const onePerson = () => game.players.filter((player) => player === PERSON).length === 1;

function nameOf(player) {
  if (!game.isPerson(player)) return nameOfSpec(game.players[player - 1]);
  return onePerson() ? "You" : COLOURS[player];
}

function describeMove(k) {
  const player = game.positions[k].turn, action = game.actions[k], [{ cell }, ...taken] = game.changes(k);
  const after = game.positions[k + 1].cells;
  const points = taken.reduce((sum, { cell: grass }) => sum + after[grass].value, 0);
  const placed = isFlag(action) ? "planted a flag on" : `placed ${after[cell].value} on`;
  return `${COLOURS[player]} ${placed} ${cellName(cell)}${points ? ` and captured ${points}` : ""}.`;
}

function outcome() {
  const [first, second] = game.position.score, score = `${Math.max(first, second)} to ${Math.min(first, second)}`;
  if (game.resigned) return `${COLOURS[game.resigned]} resigned. ${COLOURS[game.winner]} wins.`;
  if (game.winner === 0) return `A draw, ${first} to ${second}.`;
  return `${COLOURS[game.winner]} wins, ${score}.`;
}

function invitation(position) {
  const whose = onePerson() ? "Your turn" : `${COLOURS[position.turn]}’s turn`;
  if (!position.normalMoves(position.turn).length) return `${whose}: plant a flag on any empty cell.`;
  return `${whose}.`;
}

/** What is to be said of the move that led to the shown position, if it was a mistake. */
function mistakeText() {
  const loss = ply && byId("analyse").checked ? analysis.lossOf(game, ply - 1) : null;
  if (loss === null || loss < MISTAKE) return "";
  const best = analysis.of(game.positions[ply - 1]).move;
  return `A mistake: it lost ${percent(loss)}, better was ${notation(best)}.`;
}

function statusText() {
  if (ply === 0 && game.length) return "The start of the game.";
  if (ply < game.length) return `Move ${ply}: ${describeMove(ply - 1)}`;
  const last = ply && !game.resigned ? `${describeMove(ply - 1)} ` : "";
  if (game.isOver) return `${last}${outcome()}`;
  const { position } = game;
  if (hinted?.position === position) return hintText();
  if (game.isPersonsTurn) return last + invitation(position);
  if (paused !== null) return paused ? `${paused}.` : `${last}Paused.`;
  return `${last}${nameOf(position.turn)} is thinking …`;
}

function hintText() {
  const reply = analysis.of(hinted.position);
  const what = isFlag(hinted.action) ? "plant a flag on" : "place on";
  return `I would ${what} ${cellName(cellOf(hinted.action))}: wins ${percent(chanceOf(reply.value))}.`;
}

/** What a cell holds, and what the player to move can do with it. */
function describeCell(cell) {
  const position = game.positions[ply], { kind, owner, value } = position.cells[cell];
  const name = cellName(cell);
  if (kind === "rock") return `${name}: rock`;
  if (kind === "grass") return `${name}: grass worth ${value}`;
  if (owner) return `${name}: ${COLOURS[owner]} ${kind === "flag" ? "flag" : value}`;
  if (position.isOver || game.isOver) return `${name}: empty`;
  const next = position.nextValue(position.turn, cell), who = COLOURS[position.turn];
  const parts = [next > 0 ? `${who} can place ${next}` : next < 0 ? `blocked for ${who} by a 5` : `nothing of ${who} is near`];
  const taken = next > 0 ? position.captures(normalAction(cell)) : [];
  if (taken.length) parts.push(`captures grass ${taken.map((t) => position.cells[t.cell].value).join(", ")}`);
  if (position.flagsOf(position.turn)) parts.push(next > 0 ? "or a flag" : "a flag can stand here");
  const opinions = opinionsOn(cell);
  return `${name}: ${parts.join(", ")}${opinions && `. ${opinions}`}`;
}

function opinionsOn(cell) {
  const reply = byId("analyse").checked && analysis.of(game.positions[ply]);
  if (!reply) return "";
  return [normalAction(cell), flagAction(cell)].map((action) => {
    const opinion = opinionOf(reply, action);
    if (!opinion || opinion.chance === null) return "";
    return `${notation(action)}: ${percent(opinion.visits)} of visits, wins ${percent(opinion.chance)}`;
  }).filter(Boolean).join("; ");
}

// --- Drawing -------------------------------------------------------------------------------------

/** Whether a click on the board would be a move. */
const canPlay = () => ply === game.length && game.isPersonsTurn;

/** The kind of move that a click makes: the chosen one, if it is possible at all. */
function activeTool() {
  const position = game.positions[ply];
  if (!position.flagsOf(position.turn)) return "normal";
  return position.normalMoves(position.turn).length ? tool : "flag";
}

const actionOn = (cell) => (activeTool() === "flag" ? flagAction(cell) : normalAction(cell));

function render() {
  if (!game) return;
  board.draw(game.positions[ply], describeCell);
  drawChoices();
  drawMarks();
  drawSides();
  drawStatus();
  drawTools();
  drawReplay();
  drawAnalysis();
}

function drawChoices() {
  const position = game.positions[ply];
  const choices = canPlay() ? position.legalActions().filter((a) => isFlag(a) === (activeTool() === "flag")) : [];
  board.showChoices(choices.map((action) => {
    const cell = cellOf(action);
    return { cell, player: position.turn, text: isFlag(action) ? "" : position.nextValue(position.turn, cell) };
  }));
}

function drawMarks() {
  const position = game.positions[ply], marks = [];
  if (ply) {
    marks.push(...game.changes(ply - 1).map(({ cell, step }) => ({ cell, name: step ? "taken" : "last" })));
  }
  if (hinted?.position === position) marks.push(...piece(position, hinted.action, "hinted"));
  if (looked !== null && canPlay() && position.isLegal(actionOn(looked))) {
    const action = actionOn(looked);
    marks.push(...piece(position, action, "preview"));
    marks.push(...position.captures(action).map(({ cell }) => ({ cell, name: "taken", className: "preview" })));
  }
  board.showMarks(marks);
}

function piece(position, action, className) {
  const kind = isFlag(action) ? "flag" : "cell", cell = cellOf(action);
  const value = isFlag(action) ? "" : position.nextValue(position.turn, cell);
  return [{ cell, name: kind + position.turn, value, className: `${className} hz-${kind}${position.turn}` }];
}

function drawSides() {
  const position = game.positions[ply];
  for (const side of document.querySelectorAll(".side")) {
    const player = Number(side.dataset.player), left = position.flagsOf(player);
    const live = !position.isOver && !(game.isOver && ply === game.length);
    side.classList.toggle("to-move", live && position.turn === player);
    side.classList.toggle("winner", !live && game.winner === player);
    const who = side.querySelector(".who");
    who.textContent = who.title = nameOf(player);
    side.querySelector(".points").textContent = position.scoreOf(player);
    const flags = side.querySelector(".flags");
    flags.title = `${left} ${left === 1 ? "flag" : "flags"} left`;
    flags.setAttribute("aria-label", flags.title);
    flags.replaceChildren(...Array.from({ length: left }, () => svg("svg", { viewBox: "-7 -10 16 20", class: "hz-board", "aria-hidden": "true" },
      svg("use", { href: `#hz-pennant${player}` }))));
  }
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text; // or screen readers would repeat it
}

function drawStatus() {
  setText(byId("status"), statusText());
  byId("status").classList.toggle("busy", turn !== null && ply === game.length);
  const watching = !game.players.includes(PERSON);
  const stopped = paused !== null && !game.isPersonsTurn;
  byId("branch").hidden = ply === game.length;
  byId("go").hidden = game.isOver || ply < game.length || !(stopped || watching);
  byId("go").textContent = !stopped ? "Pause" : paused ? "Try again" : "Go on";
  drawDetail();
}

function drawDetail() {
  byId("detail").textContent = looked === null ? mistakeText() : describeCell(looked);
}

function drawTools() {
  const position = game.positions[ply], active = activeTool(), playable = canPlay();
  for (const input of document.querySelectorAll("[name=tool]")) {
    const possible = input.value === "flag" ? position.flagsOf(position.turn) : position.normalMoves(position.turn).length;
    input.checked = input.value === active;
    input.disabled = !playable || !possible;
  }
  byId("undo").disabled = game.undoLength < 0;
  byId("hint").disabled = !playable || !players.length;
  byId("resign").disabled = game.isOver || !game.players.includes(PERSON);
}

function drawReplay() {
  byId("slider").max = game.length;
  byId("slider").value = ply;
  byId("slider").setAttribute("aria-valuetext", ply ? `Move ${ply} of ${game.length}` : "Start");
  byId("counter").textContent = `${ply} / ${game.length}`;
  byId("first").disabled = byId("previous").disabled = ply === 0;
  byId("last").disabled = byId("next").disabled = ply === game.length;
  byId("play").disabled = game.length === 0;
  byId("play").classList.toggle("running", replay !== null);
  byId("play").setAttribute("aria-label", replay === null ? "Replay" : "Stop the replay");
}

function drawAnalysis() {
  const on = byId("analyse").checked;
  byId("analysis-on").hidden = !on;
  byId("analysis-off").hidden = on;
  byId("analyse").disabled = !players.length;
  drawMoves({ game, ply, analysis, showMistakes: on, go });
  const position = game.positions[ply], kind = document.querySelector("[name=overlay]:checked").value;
  board.showOverlay(on ? overlayOf(kind, analysis.of(position), position) : []);
  if (!on) return;
  drawPanel({ game, ply, analysis, problem: analysisProblem });
  byId("mistakes").textContent = search ? "Stop" : "Find mistakes";
  byId("mistakes").disabled = game.length === 0;
  if (!search) return;
  const known = game.positions.filter((position) => analysis.chanceOfFirst(position) !== null).length;
  byId("found").textContent = `${known} of ${game.positions.length} positions`;
}

// --- Moving around in the game -------------------------------------------------------------------

/** Shows the board after `count` moves, with the last move animated if asked. */
function show(count, animated = false) {
  ply = Math.max(0, Math.min(game.length, count));
  analysisProblem = null;
  render();
  if (animated && ply) board.animate(game.changes(ply - 1));
  analyseSoon();
}

function stopReplay() {
  clearInterval(replay);
  replay = null;
}

/** Every way of moving by hand ends the replay. */
function go(count, animated = false) {
  stopReplay();
  show(count, animated);
}

function toggleReplay() {
  if (replay !== null) return go(ply);
  replay = setInterval(() => {
    if (ply + 1 >= game.length) stopReplay();
    show(ply + 1, true);
  }, REPLAY_MS);
  show(ply === game.length ? 0 : ply);
}

// --- Changing the game ---------------------------------------------------------------------------

const remember = () => history.replaceState(null, "", `#${game.toLink()}`);

/** Puts another game in the place of this one, which "Back" of the browser brings again. */
function replaceGame(next) {
  history.pushState(null, "", `#${next.toLink()}`);
  begin(next);
}

function begin(next) {
  stopReplay();
  search?.abort();
  turn?.abort();
  turn = null;
  game = next;
  paused = players.length || next.isForPersons ? null : NO_SERVER;
  byId("found").textContent = "";
  tool = "normal";
  show(game.length);
  play();
}

/** Plays a move at the end of the game. */
function commit(action) {
  const follows = ply === game.length;
  game.play(action);
  tool = "normal";
  remember();
  if (follows) show(game.length, true);
  else render();
  play();
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
    paused = error.message;
    render();
  }
}

/** Asks again while the server is too busy. */
async function patientSuggest(question) {
  for (let attempts = 5; ; attempts--) {
    try {
      return await suggest(question);
    } catch (error) {
      if (!(error instanceof NoAnswer && error.again) || !attempts) throw error;
      await wait(RETRY_MS);
      if (question.signal.aborted) throw error;
    }
  }
}

function choose(cell) {
  looked = cell;
  if (ply < game.length) return notify("You look at an earlier move. “Play from here” goes on from it.");
  if (!canPlay()) return;
  const action = actionOn(cell);
  if (game.position.isLegal(action)) return commit(action);
  const { kind } = game.position.cells[cell];
  if (kind === "empty" && activeTool() === "normal" && game.position.flagsOf(game.position.turn)) {
    notify("No value can be placed here. Choose “Flag” to plant one.");
  }
  render();
}

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
  turn?.abort();
  turn = null;
  paused = paused === null ? "" : null;
  if (!players.length) {
    await learnPlayers();
    if (!players.length) paused = NO_SERVER;
  }
  render();
  play();
}

/** Drops all moves after the first `length`. */
function cutTo(length) {
  turn?.abort();
  turn = null;
  search?.abort();
  paused = game.players.includes(PERSON) ? null : "";
  game.truncate(length);
  remember();
  go(length);
  play();
}

function undo() {
  if (game.undoLength >= 0) cutTo(game.undoLength);
}

/** Goes on from the position that is shown; "Back" of the browser brings the whole game again. */
function branch() {
  history.pushState(null, "", location.hash);
  cutTo(ply);
}

function resign() {
  const { turn: toMove } = game.position;
  game.resign(game.isPerson(toMove) ? toMove : 3 - toMove);
  turn?.abort();
  turn = null;
  remember();
  go(game.length);
}

// --- Asking the computer -------------------------------------------------------------------------

let analysisTimer = null;

/** Whether the shown position is to be analysed, and no computer is about to tell anyway. */
function wantsAnalysis() {
  const position = game.positions[ply];
  if (!byId("analyse").checked || position.isOver || analysis.of(position)) return false;
  return !(turn && ply === game.length && game.players[position.turn - 1] === analysis.player);
}

/** Analyses the shown position, once the reader stays at it. */
function analyseSoon() {
  clearTimeout(analysisTimer);
  analysisTimer = setTimeout(async () => {
    if (!wantsAnalysis()) return;
    const position = game.positions[ply];
    try {
      await analysis.request(game, ply);
    } catch (error) {
      if (game.positions[ply] !== position) return;
      analysisProblem = error.message;
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
    notify(`${error.message}.`);
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
    summary = `${error.message}.`;
  }
  search = null;
  if (game === current) byId("found").textContent = summary;
  render();
}

// --- Links and files -----------------------------------------------------------------------------

let noticeTimer = null;

function notify(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => (byId("notice").hidden = true), NOTICE_MS);
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
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([game.toFile()], { type: "application/json" }));
  link.download = `flagz-${game.seed ?? "game"}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function load([file]) {
  if (!file) return;
  try {
    replaceGame(seated(Game.fromFile(await file.text())));
  } catch (error) {
    notify(`${file.name} is no game that can be read. ${error.message}`);
  }
  byId("file").value = "";
}

/** Puts persons in the place of computers that the server does not offer. */
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
    notify(`The link is no game that can be read. ${error.message}`);
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

for (const [id, action] of Object.entries({
  new: () => openSetup(game.players, (seed, seats) => replaceGame(Game.fromSeed(seed, seats))),
  undo, hint, resign, branch, save,
  copy: copyLink,
  mistakes: findMistakes,
  load: () => byId("file").click(),
  first: () => go(0), previous: () => go(ply - 1), next: () => go(ply + 1, true), last: () => go(game.length),
  play: toggleReplay,
  go: pauseOrGoOn,
})) byId(id).addEventListener("click", action);

byId("slider").addEventListener("input", (event) => go(Number(event.target.value)));
byId("file").addEventListener("change", (event) => load(event.target.files));
byId("chart").addEventListener("click", (event) => {
  const { left, width } = event.currentTarget.getBoundingClientRect();
  go(Math.round(((event.clientX - left) / width) * game.length));
});
byId("top").addEventListener("pointerover", (event) => {
  const row = event.target.closest("[data-cell]");
  look(row ? Number(row.dataset.cell) : null);
});
byId("top").addEventListener("pointerleave", () => look(null));
for (const input of document.querySelectorAll("[name=tool]")) {
  input.addEventListener("change", () => {
    tool = input.value;
    render();
  });
}
for (const input of document.querySelectorAll("[name=overlay]")) input.addEventListener("change", () => render());
byId("analyse").addEventListener("change", () => show(ply));
byId("board").addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  OWN_TOOLS[event.key.toLowerCase()]?.();
});
addEventListener("popstate", () => begin(gameOfAddress()));

await learnPlayers();
begin(gameOfAddress());
remember();
