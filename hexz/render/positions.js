// Shows the examples of the page: each has its position, whole, and the moves that were thought of.

const { title, bySurprise, games } = JSON.parse(document.getElementById("data").textContent);
const HEAT_FROM = 0.005, STRONG_FROM = 0.5;
const MOST_SURPRISES = 200;

const targetBoard = document.querySelector("#target > svg");
const priorBoard = targetBoard.cloneNode(true);
priorBoard.querySelector("defs").remove(); // the ids are those of the first
document.getElementById("prior").append(priorBoard);

let game = games[0];
let ply = 0; // which position of the game is shown; behind the last one comes the end of the game

const byAction = ([action]) => `${isFlag(action) ? "F" : ""}${placeName(cellOfAction(action))}`;
const percent = (share) => (share === 0 ? "" : share < 0.0095 ? "< 1 %" : `${Math.round(100 * share)} %`);
const signed = (number, digits) => {
  const text = Math.abs(number).toFixed(digits);
  return Number(text) === 0 ? text : `${number < 0 ? "−" : "+"}${text}`;
};
const nats = (number) => (number === null ? "" : number.toFixed(2));
const end = () => (game.end ? game.positions.length : game.positions.length - 1);

// --- The boards --------------------------------------------------------------------------------

/** The kind and the value of a cell, from its letter. */
function cellOf(letter) {
  if (letter === ".") return ["empty", 0];
  if (letter === "#") return ["rock", 0];
  if (letter >= "1" && letter <= "5") return ["grass", Number(letter)];
  const player = letter >= "a" ? 1 : 2;
  const value = " abcde".indexOf(letter.toLowerCase());
  return value > 0 ? [`cell${player}`, value] : [`flag${player}`, 0];
}

function drawBoard(board, cells, lastCell) {
  const elements = board.querySelectorAll(".hz-cells > g");
  Array.from(cells).forEach((letter, i) => setCell(elements[i], ...cellOf(letter)));
  const marks = board.querySelector(".hz-marks");
  marks.replaceChildren();
  if (lastCell !== null) mark(marks, "hz-last", lastCell, elements);
}

function mark(layer, name, cell, elements) {
  const transform = elements[cell].getAttribute("transform");
  const element = document.querySelector("#hz-last").cloneNode();
  element.removeAttribute("id");
  element.setAttribute("class", name);
  element.setAttribute("transform", transform);
  layer.append(element);
}

/** Colours the cells by the probability of the moves there, the `column`th number of a move. */
function drawHeat(board, position, column) {
  const layer = board.querySelector(".hz-heat");
  const elements = board.querySelectorAll(".hz-cells > g");
  layer.replaceChildren();
  if (!position) return;
  const shares = new Map();
  for (const move of position.moves) {
    const cell = cellOfAction(move[0]);
    const [normal, flag] = shares.get(cell) ?? [0, 0];
    shares.set(cell, isFlag(move[0]) ? [normal, move[column]] : [move[column], flag]);
  }
  for (const [cell, [normal, flag]] of shares) {
    if (normal + flag < HEAT_FROM) continue;
    const group = svg("g", { transform: elements[cell].getAttribute("transform") }, layer);
    const strength = Math.min(1, 0.12 + 0.88 * Math.sqrt(normal + flag));
    svg("use", { href: "#hz-shape", "fill-opacity": strength.toFixed(2) }, group);
    if (strength > STRONG_FROM) group.setAttribute("class", "strong");
    const lines = [];
    if (normal >= HEAT_FROM) lines.push(`${Math.round(100 * normal) || 1}`);
    if (flag >= HEAT_FROM) lines.push(`F${Math.round(100 * flag) || 1}`);
    lines.forEach((line, i) => {
      svg("text", { y: 5 + 15 * (i - (lines.length - 1) / 2) }, group).textContent = line;
    });
  }
  if (position.action !== null) {
    mark(board.querySelector(".hz-marks"), "hz-played", cellOfAction(position.action), elements);
  }
}

function drawBoards() {
  const position = game.positions[ply];
  const before = game.positions[ply - 1];
  const follows = before && (!position || before.number + 1 === position.number);
  const last = follows && before.action !== null ? cellOfAction(before.action) : null;
  const cells = (position ?? game.end).cells;
  drawBoard(targetBoard, cells, last);
  drawBoard(priorBoard, cells, last);
  drawHeat(targetBoard, position, 1);
  drawHeat(priorBoard, position, 2);
  byId("prior").classList.toggle("unknown", Boolean(position) && !position.hasPriors);
}

// --- The panels --------------------------------------------------------------------------------

function drawHeading(position) {
  const heading = document.querySelector("#position h2");
  const what = byId("what");
  if (!position) {
    heading.replaceChildren("The end");
    what.textContent = outcome(game);
    return;
  }
  const name = `Move ${position.number + 1}: player ${position.player}`;
  heading.replaceChildren(html("span", `hex p${position.player}`), name);
  const played = position.action === null ? "What was played is not known." : `Played ${byAction([position.action])}.`;
  const search = position.fullSearch === false ? " A fast search, whose target is learned only as a reply." : "";
  const turn = position.turnKnown ? "" : " Whose turn it was is not recorded.";
  what.textContent = played + search + turn;
}

function outcome({ end, length }) {
  if (!end) return "How the game ended is not recorded.";
  const [first, second] = end.score;
  const score = `${first} to ${second}`;
  const moves = length === null ? "" : ` after ${length} moves`;
  if (first === second) return `A draw at ${score}${moves}.`;
  return `Player ${first > second ? 1 : 2} wins ${score}${moves}.`;
}

function drawValues(position) {
  const rows = [];
  const add = (name, value) => value !== null && rows.push([name, value]);
  if (position) {
    const result = ["lost", "drawn", "won"][position.result + 1];
    const margin = position.margin === null ? "" : `, ${signed(position.margin, 0)}`;
    const value = (number) => (number === null ? null : `${signed(number, 2)} (${Math.round(50 + 50 * number)} %)`);
    add("Value, network", value(position.networkValue));
    add("Value, search", value(position.rootValue));
    add("Result for the mover", `${result}${margin}`);
    add("KL(target ‖ prior)", position.surprise === null ? null : `${nats(position.surprise)} nats`);
    add("Simulations", position.simulations);
    add("Checkpoint", position.checkpoint);
  }
  byId("values").tBodies[0].replaceChildren(...rows.map((row) => tableRow(row)));
}

function tableRow(texts, shares = []) {
  const row = html("tr");
  row.append(...texts.map((text, i) => {
    const cell = html("td", "", text);
    if (shares[i]) cell.style.setProperty("--share", `${(100 * shares[i]).toFixed(1)}%`);
    return cell;
  }));
  return row;
}

function drawMoves(position) {
  const rows = (position ? position.moves : []).map((move) => {
    const [action, target, prior, visits] = move;
    const texts = [byAction(move), percent(target), position.hasPriors ? percent(prior) : "", position.hasVisits ? visits : ""];
    const row = tableRow(texts, [0, target, prior, 0]);
    if (action === position.action) {
      row.className = "played";
      row.title = "This move was played";
    }
    return row;
  });
  byId("moves").tBodies[0].replaceChildren(...rows);
}

function listPlies() {
  const greatest = Math.max(1, ...game.positions.map((position) => position.surprise ?? 0));
  const items = [];
  let expected = 0;
  const note = (from, to) => {
    if (from >= to) return;
    const text = to - from === 1 ? `Move ${from + 1} is missing` : `Moves ${from + 1} to ${to} are missing`;
    items.push(html("li", "gap", text));
  };
  game.positions.forEach((position, i) => {
    note(expected, position.number);
    expected = position.number + 1;
    const button = html("button");
    button.type = "button";
    button.dataset.ply = i;
    button.addEventListener("click", () => go(i));
    const meter = html("span", "meter");
    meter.style.setProperty("--share", `${(100 * (position.surprise ?? 0)) / greatest}%`);
    const move = position.action === null ? "?" : byAction([position.action]);
    button.append(
      html("span", "number", position.number + 1), html("span", `hex p${position.player}`),
      html("span", "", move), meter, html("span", "amount", nats(position.surprise)),
    );
    const item = html("li");
    item.append(button);
    items.push(item);
  });
  note(expected, game.length ?? expected);
  byId("plies").replaceChildren(...items);
}

function markPly() {
  setCurrent(byId("plies"), (button) => button.dataset.ply === String(ply));
}

function setCurrent(list, isCurrent) {
  for (const button of list.querySelectorAll("button")) {
    if (!isCurrent(button)) {
      button.removeAttribute("aria-current");
    } else if (!button.hasAttribute("aria-current")) {
      button.setAttribute("aria-current", "true");
      // Not scrollIntoView, which would scroll the page as well.
      const [inner, outer] = [button.getBoundingClientRect(), list.getBoundingClientRect()];
      if (inner.top < outer.top || inner.bottom > outer.bottom) list.scrollTop += inner.top - outer.top - outer.height / 2;
      if (inner.left < outer.left || inner.right > outer.right) list.scrollLeft += inner.left - outer.left;
    }
  }
}

// --- Moving around -----------------------------------------------------------------------------

const go = stepper(end, (number) => {
  ply = number;
  const position = game.positions[ply];
  const { score, flags } = position ?? { score: game.end.score, flags: [0, 0] };
  drawSides(game.players, score, flags, position?.player);
  drawBoards();
  drawHeading(position);
  drawValues(position);
  drawMoves(position);
  markPly();
  markEntry();
});

function choose(chosen, number) {
  game = chosen;
  listPlies();
  go(number);
}

// --- The list on the left ----------------------------------------------------------------------

function entry(name, detail, right, gameNumber, number) {
  const button = html("button");
  button.type = "button";
  button.dataset.game = gameNumber;
  if (number !== null) button.dataset.ply = number;
  button.addEventListener("click", () => choose(games[gameNumber], number ?? 0));
  button.append(html("span", "name", name), right, html("span", "length", detail));
  button.title = games[gameNumber].name;
  const item = html("li");
  item.append(button);
  return item;
}

function gameEntries() {
  return games.map((entryGame, i) => {
    const result = html("span", "result");
    (entryGame.end?.score ?? []).forEach((points, side, score) => {
      const lost = points < score[1 - side];
      result.append(html("span", `hex p${side + 1}`), html(lost ? "span" : "b", lost ? "lost" : "", points));
    });
    const count = entryGame.positions.length;
    const all = entryGame.length === null || entryGame.length === count;
    const detail = all ? `${count} moves` : `${count} of ${entryGame.length} moves`;
    return entry(entryGame.name, detail, result, i, null);
  });
}

function surpriseEntries() {
  const all = games.flatMap((g, i) => g.positions.map((position, number) => ({ i, number, position })));
  const known = all.filter(({ position }) => position.surprise !== null);
  known.sort((a, b) => b.position.surprise - a.position.surprise);
  return known.slice(0, MOST_SURPRISES).map(({ i, number, position }) => {
    const right = html("span", "result");
    const move = position.action === null ? "?" : byAction([position.action]);
    right.append(html("span", `hex p${position.player}`), html("b", "", move));
    const name = `${nats(position.surprise)} nats`;
    return entry(name, `move ${position.number + 1}`, right, i, number);
  });
}

function list(surprises) {
  byId("by-game").setAttribute("aria-selected", String(!surprises));
  byId("by-surprise").setAttribute("aria-selected", String(surprises));
  byId("entries").replaceChildren(...(surprises ? surpriseEntries() : gameEntries()));
  markEntry();
}

function markEntry() {
  const number = String(games.indexOf(game));
  setCurrent(byId("entries"), ({ dataset }) => dataset.game === number && (dataset.ply ?? String(ply)) === String(ply));
}

function summary() {
  const positions = games.reduce((sum, { positions }) => sum + positions.length, 0);
  const cut = games.filter(({ length, positions }) => length !== null && length !== positions.length).length;
  const count = games.length === 1 ? "1 game" : `${games.length} games`;
  const missing = cut === 0 ? "" : ` Moves are missing in ${cut === 1 ? "one of them" : `${cut} of them`}.`;
  return `${positions} positions of ${count}.${missing}`;
}

document.title = byId("title").textContent = title;
byId("summary").textContent = summary();
byId("by-game").addEventListener("click", () => list(false));
byId("by-surprise").addEventListener("click", () => list(true));
list(bySurprise);
if (bySurprise && byId("entries").firstChild) byId("entries").firstChild.firstChild.click();
else choose(games[0], 0);
