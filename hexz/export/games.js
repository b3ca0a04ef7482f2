"use strict";
// Steps through the games of the page. Every move says which cells it changed, so the board after
// k moves is the start with the changes of the first k moves; the script knows no rules.

const { title, games } = JSON.parse(document.getElementById("data").textContent);
const ROWS = 11, COLS = 10;
const STEP_MILLISECONDS = 700;
const SHOWN_PERMILLE = 10, NUMBERED_PERMILLE = 50;

const byId = (id) => document.getElementById(id);
const board = document.querySelector(".game > svg");
const cellElements = board.querySelectorAll(".hz-cells > g");
const marks = board.querySelector(".hz-marks");
const heatLayer = board.querySelector(".hz-heat");
const sides = document.querySelectorAll(".side");

// The 105 cells by their index, and their index by grid index (row * 10 + column).
const places = [];
const cellAt = new Map();
for (let row = 0; row < ROWS; row++) {
  for (let col = 0; col < COLS - (row % 2); col++) {
    cellAt.set(row * COLS + col, places.length);
    places.push({ row, col });
  }
}

let game = games[0];
let ply = 0; // how many moves of the game the board shows
let timer = null;

function html(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function svg(tag, attributes, parent) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent.append(element);
  return element;
}

const percent = (permille) => `${Math.round(permille / 10)} %`;
const transformOf = (cell) => cellElements[cell].getAttribute("transform");
const cellOfAction = (action) => cellAt.get(action % (ROWS * COLS));
const isFlag = (action) => action < ROWS * COLS;

/** "d5": the fourth cell of the fifth row from the top. */
function placeName(cell) {
  const { row, col } = places[cell];
  return `${"abcdefghij"[col]}${row + 1}`;
}

/** The expected share of player 1, 0 to 1000, found by the search of a move. */
function shareOfPlayer1(move) {
  return 500 + (move.player === 1 ? move.value : -move.value) / 2;
}

// --- The board ---------------------------------------------------------------------------------

function startCells() {
  return Array.from(game.start, (char) => {
    if (char === "#") return { kind: "rock", value: 0 };
    return char === "." ? { kind: "empty", value: 0 } : { kind: "grass", value: Number(char) };
  });
}

function cellsAfter(count) {
  const cells = startCells();
  for (const move of game.moves.slice(0, count)) {
    move.cells.forEach(([cell, value], i) => {
      const shape = move.flag && i === 0 ? "flag" : "cell";
      cells[cell] = { kind: shape + move.player, value };
    });
  }
  return cells;
}

function drawBoard() {
  cellsAfter(ply).forEach(({ kind, value }, i) => {
    const element = cellElements[i];
    if (element.getAttribute("class") !== `hz-${kind}`) {
      element.setAttribute("class", `hz-${kind}`);
      element.querySelector("use").setAttribute("href", `#hz-${kind}`);
    }
    element.querySelector("text").textContent = value || "";
  });
  marks.replaceChildren();
  if (ply === 0) return;
  game.moves[ply - 1].cells.forEach(([cell], i) => {
    svg("use", { href: i === 0 ? "#hz-last" : "#hz-taken", transform: transformOf(cell) }, marks);
  });
}

function drawHeat() {
  heatLayer.replaceChildren();
  const next = game.moves[ply];
  if (!next || !byId("heat").checked) return;
  for (const [action, permille] of next.top) {
    if (permille < SHOWN_PERMILLE) continue;
    const group = svg("g", { transform: transformOf(cellOfAction(action)) }, heatLayer);
    const size = 5 + 14 * Math.sqrt(permille / 1000);
    if (isFlag(action)) svg("path", { d: `M0-${size}L${size} 0L0 ${size}L-${size} 0Z` }, group);
    else svg("circle", { r: size }, group);
    if (permille >= NUMBERED_PERMILLE) {
      svg("text", { y: 4 }, group).textContent = Math.round(permille / 10);
    }
  }
}

function drawScores() {
  const move = game.moves[ply - 1] ?? { score: [0, 0], flags: [3, 3] };
  const next = game.moves[ply];
  sides.forEach((side, i) => {
    side.classList.toggle("to-move", next !== undefined && next.player === i + 1);
    side.querySelector(".who").textContent = game.players[i];
    side.querySelector(".points").textContent = move.score[i];
    const flags = side.querySelector(".flags");
    flags.replaceChildren();
    flags.title = `${move.flags[i]} flags left`;
    for (let n = 0; n < move.flags[i]; n++) {
      const pennant = svg("svg", { viewBox: "-7 -10 16 20", class: "hz-board" }, flags);
      svg("use", { href: `#hz-pennant${i + 1}` }, pennant);
    }
  });
}

// --- The panel ---------------------------------------------------------------------------------

function describe(move) {
  const [[cell, value], ...taken] = move.cells;
  const parts = [`${move.flag ? "Flag" : `A ${value}`} on ${placeName(cell)}.`];
  if (taken.length) parts.push(`Captures grass: ${taken.map(([, v]) => v).join(", ")}.`);
  return parts.join(" ");
}

function outcome() {
  const score = game.moves.at(-1).score;
  if (!game.over) return "The game was not finished.";
  if (game.winner === 0) return `A draw at ${score[0]} points each.`;
  return `Player ${game.winner} wins by ${Math.abs(score[0] - score[1])}.`;
}

function drawMove() {
  const [heading, text] = byId("move").children;
  const move = game.moves[ply - 1];
  if (!move) {
    heading.replaceChildren("The start");
    text.textContent = "Player 1 moves first.";
    return;
  }
  heading.replaceChildren(
    html("span", `hex p${move.player}`),
    `Move ${ply}: player ${move.player}`,
  );
  text.textContent = describe(move) + (ply === game.moves.length ? ` ${outcome()}` : "");
}

function drawValue() {
  const move = game.moves[ply - 1];
  const bar = document.querySelector(".bar");
  bar.classList.toggle("unknown", !move);
  const share = move ? shareOfPlayer1(move) : 500;
  const [first, second] = bar.children;
  first.style.width = `${share / 10}%`;
  first.textContent = share >= 150 ? percent(share) : "";
  second.textContent = share <= 850 ? percent(1000 - share) : "";
  const x = chartX(ply);
  byId("now").setAttribute("d", `M${x} 0V90`);
}

function drawChoices() {
  const move = game.moves[ply - 1];
  const items = (move ? move.top : []).map(([action, permille]) => {
    const played = action === move.action;
    const item = html("li", played ? "played" : "");
    const what = `${isFlag(action) ? "Flag" : "Value"} on ${placeName(cellOfAction(action))}`;
    item.append(html("span", "", what), html("span", "", percent(permille)));
    item.style.setProperty("--share", `${permille / 10}%`);
    if (played) item.title = "This move was played";
    return item;
  });
  byId("top").replaceChildren(...items);
}

// --- The chart ---------------------------------------------------------------------------------

const chartX = (count) => (300 * count) / game.moves.length;

function drawChart() {
  const points = game.moves.map((move, i) => {
    return `${chartX(i + 1).toFixed(1)} ${(86 - 0.082 * shareOfPlayer1(move)).toFixed(1)}`;
  });
  byId("line").setAttribute("d", `M${points.join("L")}`);
  byId("area").setAttribute("d", `M${chartX(1)} 90L${points.join("L")}V90Z`);
}

// --- Moving around -----------------------------------------------------------------------------

function show(count) {
  ply = Math.max(0, Math.min(game.moves.length, count));
  drawBoard();
  drawHeat();
  drawScores();
  drawMove();
  drawValue();
  drawChoices();
  byId("slider").value = ply;
  byId("counter").textContent = `${ply} / ${game.moves.length}`;
  byId("first").disabled = byId("previous").disabled = ply === 0;
  byId("last").disabled = byId("next").disabled = ply === game.moves.length;
  if (ply === game.moves.length) stop();
}

function stop() {
  clearInterval(timer);
  timer = null;
  byId("play").classList.remove("running");
  byId("play").setAttribute("aria-label", "Play");
}

function togglePlay() {
  if (timer) return stop();
  show(ply === game.moves.length ? 0 : ply + 1);
  timer = setInterval(() => show(ply + 1), STEP_MILLISECONDS);
  byId("play").classList.add("running");
  byId("play").setAttribute("aria-label", "Pause");
}

/** Every way of moving by hand ends the playback. */
function go(count) {
  stop();
  show(count);
}

function choose(index) {
  stop();
  game = games[index];
  document.querySelectorAll("nav button").forEach((button, i) => {
    if (i !== index) return button.removeAttribute("aria-current");
    button.setAttribute("aria-current", "true");
    button.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  byId("slider").max = game.moves.length;
  drawChart();
  show(game.moves.length);
}

function listGames() {
  games.forEach((entry, index) => {
    const button = html("button");
    button.type = "button";
    button.addEventListener("click", () => choose(index));
    const score = (entry.moves.at(-1) ?? { score: [0, 0] }).score;
    const result = html("span", "result");
    score.forEach((points, i) => {
      const lost = entry.winner !== 0 && entry.winner !== i + 1;
      result.append(html("span", `hex p${i + 1}`), html(lost ? "span" : "b", lost ? "lost" : "", points));
    });
    const length = html("span", "length", `${entry.moves.length} moves`);
    button.append(html("span", "name", entry.name), length, result);
    const item = html("li");
    item.append(button);
    byId("games").append(item);
  });
}

function summary() {
  const wins = [0, 1, 2].map((player) => games.filter((g) => g.over && g.winner === player).length);
  const length = games.reduce((sum, g) => sum + g.moves.length, 0) / games.length;
  const count = games.length === 1 ? "1 game" : `${games.length} games`;
  return `${count}, ${length.toFixed(0)} moves each on average. Player 1 won ${wins[1]}, player 2 won ${wins[2]}, ${wins[0]} drawn.`;
}

const KEYS = {
  ArrowLeft: () => go(ply - 1),
  ArrowRight: () => go(ply + 1),
  Home: () => go(0),
  End: () => go(game.moves.length),
  " ": togglePlay,
};

document.addEventListener("keydown", (event) => {
  const onControl = event.target.closest("button, input");
  if (event.altKey || event.ctrlKey || event.metaKey || !(event.key in KEYS)) return;
  if (onControl && (event.key === " " || onControl.type === "range")) return;
  event.preventDefault();
  KEYS[event.key]();
});
byId("first").addEventListener("click", () => go(0));
byId("previous").addEventListener("click", () => go(ply - 1));
byId("play").addEventListener("click", togglePlay);
byId("next").addEventListener("click", () => go(ply + 1));
byId("last").addEventListener("click", () => go(game.moves.length));
byId("slider").addEventListener("input", (event) => go(Number(event.target.value)));
byId("heat").addEventListener("change", drawHeat);
byId("chart").addEventListener("click", (event) => {
  const { left, width } = event.currentTarget.getBoundingClientRect();
  go(Math.round(((event.clientX - left) / width) * game.moves.length));
});

document.title = byId("title").textContent = title;
byId("summary").textContent = summary();
listGames();
choose(0);
