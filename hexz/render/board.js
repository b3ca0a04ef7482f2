"use strict";
// What the pages of games share: elements, cells and their names, and stepping through positions.

const ROWS = 11, COLS = 10;
const STEP_MILLISECONDS = 700;

const byId = (id) => document.getElementById(id);

// The 105 cells by their index, and their index by grid index (row * 10 + column).
const places = [];
const cellAt = new Map();
for (let row = 0; row < ROWS; row++) {
  for (let col = 0; col < COLS - (row % 2); col++) {
    cellAt.set(row * COLS + col, places.length);
    places.push({ row, col });
  }
}

const cellOfAction = (action) => cellAt.get(action % (ROWS * COLS));
const isFlag = (action) => action < ROWS * COLS;

/** "d5": the fourth cell of the fifth row from the top. */
function placeName(cell) {
  const { row, col } = places[cell];
  return `${"abcdefghij"[col]}${row + 1}`;
}

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

/** The two players, with their scores and the flags that they have left. */
function drawSides(players, score, flags, toMove) {
  document.querySelectorAll(".side").forEach((side, i) => {
    side.classList.toggle("to-move", toMove === i + 1);
    side.querySelector(".who").textContent = players[i];
    side.querySelector(".points").textContent = score[i];
    const pennants = side.querySelector(".flags");
    pennants.replaceChildren();
    pennants.title = `${flags[i]} flags left`;
    for (let n = 0; n < flags[i]; n++) {
      const pennant = svg("svg", { viewBox: "-7 -10 16 20", class: "hz-board" }, pennants);
      svg("use", { href: `#hz-pennant${i + 1}` }, pennant);
    }
  });
}

function setCell(element, kind, value) {
  if (element.getAttribute("class") !== `hz-${kind}`) {
    element.setAttribute("class", `hz-${kind}`);
    element.querySelector("use").setAttribute("href", `#hz-${kind}`);
  }
  element.querySelector("text").textContent = value || "";
}

/** Buttons, slider and keys that go to one of the positions 0 to `last()`, which `draw` shows. */
function stepper(last, draw) {
  let position = 0;
  let timer = null;

  function show(number) {
    position = Math.max(0, Math.min(last(), number));
    byId("slider").max = last();
    byId("slider").value = position;
    byId("counter").textContent = `${position} / ${last()}`;
    byId("first").disabled = byId("previous").disabled = position === 0;
    byId("last").disabled = byId("next").disabled = position === last();
    draw(position);
    if (position === last()) stop();
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    byId("play").classList.remove("running");
    byId("play").setAttribute("aria-label", "Play");
  }

  function togglePlay() {
    if (timer) return stop();
    show(position === last() ? 0 : position + 1);
    timer = setInterval(() => show(position + 1), STEP_MILLISECONDS);
    byId("play").classList.add("running");
    byId("play").setAttribute("aria-label", "Pause");
  }

  /** Every way of moving by hand ends the playback. */
  function go(number) {
    stop();
    show(number);
  }

  const keys = {
    ArrowLeft: () => go(position - 1),
    ArrowRight: () => go(position + 1),
    Home: () => go(0),
    End: () => go(last()),
    " ": togglePlay,
  };
  document.addEventListener("keydown", (event) => {
    const onControl = event.target.closest("button, input");
    if (event.altKey || event.ctrlKey || event.metaKey || !(event.key in keys)) return;
    if (onControl && (event.key === " " || onControl.type === "range")) return;
    event.preventDefault();
    keys[event.key]();
  });
  byId("first").addEventListener("click", keys.Home);
  byId("previous").addEventListener("click", keys.ArrowLeft);
  byId("play").addEventListener("click", togglePlay);
  byId("next").addEventListener("click", keys.ArrowRight);
  byId("last").addEventListener("click", keys.End);
  byId("slider").addEventListener("input", (event) => go(Number(event.target.value)));
  return go;
}
