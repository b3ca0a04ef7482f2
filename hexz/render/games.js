// Steps through the games of the page. Every move says which cells it changed, so the board after
// k moves is the start with the changes of the first k moves; the script knows no rules.

const { title, games } = JSON.parse(document.getElementById("data").textContent);
const SHOWN_PERMILLE = 10, NUMBERED_PERMILLE = 50;

const board = document.querySelector(".game > svg");
const cellElements = board.querySelectorAll(".hz-cells > g");
const marks = board.querySelector(".hz-marks");
const heatLayer = board.querySelector(".hz-heat");

let game = games[0];
let ply = 0; // how many moves of the game the board shows

const percent = (permille) => `${Math.round(permille / 10)} %`;
const transformOf = (cell) => cellElements[cell].getAttribute("transform");

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
  cellsAfter(ply).forEach(({ kind, value }, i) => setCell(cellElements[i], kind, value));
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
  drawSides(game.players, move.score, move.flags, game.moves[ply]?.player);
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

const go = stepper(() => game.moves.length, (position) => {
  ply = position;
  drawBoard();
  drawHeat();
  drawScores();
  drawMove();
  drawValue();
  drawChoices();
});

function choose(index) {
  game = games[index];
  document.querySelectorAll("nav button").forEach((button, i) => {
    if (i !== index) return button.removeAttribute("aria-current");
    button.setAttribute("aria-current", "true");
    button.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  drawChart();
  go(game.moves.length);
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

byId("heat").addEventListener("change", drawHeat);
byId("chart").addEventListener("click", (event) => {
  const { left, width } = event.currentTarget.getBoundingClientRect();
  go(Math.round(((event.clientX - left) / width) * game.moves.length));
});

document.title = byId("title").textContent = title;
byId("summary").textContent = summary();
listGames();
document.querySelectorAll("[data-game]").forEach((element) => {
  element.addEventListener("click", () => choose(Number(element.dataset.game)));
});
choose(0);
