// The board as SVG: one focusable cell for each hexagon, in the drawings of #hz-*.

import { CELLS, COLS, ROWS, cellName, cellOf, colOf, isFlag, rowOf } from "./rules.js";

// As in the drawings of #hz-*: from the centre of a cell to its corners.
const RADIUS = 24, CELL_WIDTH = Math.sqrt(3) * RADIUS, ROW_HEIGHT = 1.5 * RADIUS;
const LEFT = 30, TOP = 28, CAPTURE_STEP_MS = 130;
export const WIDTH = Math.ceil(LEFT + COLS * CELL_WIDTH + 12);
export const HEIGHT = TOP + (ROWS - 1) * ROW_HEIGHT + 2 * RADIUS + 12;

export function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function centerOf(cell) {
  const x = LEFT + (colOf(cell) + 0.5 + (rowOf(cell) % 2) / 2) * CELL_WIDTH;
  return [x.toFixed(1), (TOP + RADIUS + rowOf(cell) * ROW_HEIGHT).toFixed(1)];
}

const translate = (cell) => `translate(${centerOf(cell).join(" ")})`;
const use = (name, attributes = {}) => svg("use", { href: `#hz-${name}`, ...attributes });
const drawingOf = ({ kind, owner }) => (kind === "cell" || kind === "flag" ? kind + owner : kind);

/** The cell that an arrow key leads to. */
function step(cell, key) {
  const row = rowOf(cell), col = colOf(cell), last = (r) => COLS - 1 - (r % 2);
  const [r, c] = {
    ArrowLeft: [row, col - 1], ArrowRight: [row, col + 1],
    ArrowUp: [row - 1, col], ArrowDown: [row + 1, col],
    Home: [row, 0], End: [row, last(row)],
  }[key];
  if (r < 0 || r >= ROWS) return cell;
  return r * COLS + Math.max(0, Math.min(last(r), c));
}

export class BoardView {
  #cells = new Map();
  #layers = {};
  #covered = { marks: [], overlay: [] }; // cells on which a layer draws

  /** onChoose(cell): clicked or Enter; onLook(cell or null): under the pointer or focused. */
  constructor(element, { onChoose, onLook }) {
    this.element = element;
    element.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    element.append(svg("rect", { class: "hz-back", width: "100%", height: "100%", rx: 14 }), labels());
    this.#makeCells();
    for (const name of ["marks", "overlay"]) {
      this.#layers[name] = svg("g", { class: `layer hz-${name === "overlay" ? "heat" : name}` });
      element.append(this.#layers[name]);
    }
    const cellAt = (event) => {
      const group = event.target.closest?.("[data-cell]");
      return group ? Number(group.dataset.cell) : null;
    };
    element.addEventListener("click", (event) => {
      const cell = cellAt(event);
      if (cell === null) return;
      this.#rove(cell);
      onChoose(cell);
    });
    element.addEventListener("pointerover", (event) => event.pointerType !== "touch" && onLook(cellAt(event)));
    element.addEventListener("pointerleave", () => onLook(null));
    element.addEventListener("focusin", (event) => {
      this.#rove(cellAt(event));
      if (event.target.matches(":focus-visible")) onLook(cellAt(event));
    });
    element.addEventListener("focusout", () => onLook(null));
    element.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      const cell = cellAt(event);
      if (/^(Arrow|Home|End)/.test(event.key)) this.#cells.get(step(cell, event.key)).group.focus();
      else if (event.key === "Enter" || event.key === " ") onChoose(cell);
      else return;
      event.preventDefault();
    });
  }

  #makeCells() {
    const grid = svg("g", { role: "rowgroup" });
    for (let row = 0; row < ROWS; row++) {
      const line = svg("g", { role: "row" });
      for (const cell of CELLS.filter((c) => rowOf(c) === row)) {
        const shape = use("empty"), text = svg("text", { y: 7 });
        const content = svg("g", { class: "content" }, shape, text), ghost = svg("g", { class: "ghost" });
        const ring = use("shape", { class: "ring" });
        const group = svg("g", {
          role: "gridcell", tabindex: -1, "data-cell": cell, "data-name": cellName(cell),
          transform: translate(cell),
        }, content, ghost, ring);
        this.#cells.set(cell, { group, content, shape, text, ghost });
        line.append(group);
      }
      grid.append(line);
    }
    this.element.append(grid);
    this.#rove(CELLS[CELLS.length >> 1]);
  }

  /** Makes one cell the one that the tab key leads to. */
  #rove(cell) {
    for (const [other, { group }] of this.#cells) group.setAttribute("tabindex", other === cell ? 0 : -1);
  }

  /** Draws a position; `nameOf(cell)` says what a screen reader says. */
  draw(position, nameOf) {
    for (const [cell, { group, shape, text }] of this.#cells) {
      const content = position.cells[cell], drawing = drawingOf(content);
      group.setAttribute("class", `hz-${drawing}`);
      shape.setAttribute("href", `#hz-${drawing}`);
      text.textContent = content.value || "";
      group.setAttribute("aria-label", nameOf(cell));
    }
  }

  /** Lets the cells of a move appear: the placed one, then what it captures, step by step. */
  animate(changes) {
    for (const { cell, step: wave } of changes) {
      const { group, content } = this.#cells.get(cell);
      if (wave > 0) {
        const grass = use("grass", { class: "before" });
        group.prepend(grass);
        content.addEventListener("animationend", () => grass.remove(), { once: true });
        setTimeout(() => grass.remove(), 2000); // where nothing is animated
      }
      content.style.animationDelay = `${wave * CAPTURE_STEP_MS}ms`;
      content.classList.remove("appears", "captured");
      content.getBoundingClientRect(); // or the animation would not start anew
      content.classList.add(wave ? "captured" : "appears");
    }
  }

  /** What can be placed: [{cell, player, text}], or with `flag` a flag. */
  showChoices(choices) {
    for (const { group, ghost } of this.#cells.values()) {
      ghost.replaceChildren();
      group.classList.remove("choice");
    }
    for (const { cell, player, text } of choices) {
      const { group, ghost } = this.#cells.get(cell);
      group.classList.add("choice");
      ghost.classList.remove("p1", "p2");
      ghost.classList.add(`p${player}`);
      if (text) ghost.append(svg("text", { y: 6 }, text));
      else ghost.append(svg("circle", { r: 3 }));
    }
  }

  /** The marks: drawings of #hz-* on cells, as [{cell, name, className, value}]. */
  showMarks(marks) {
    this.#layers.marks.replaceChildren(...marks.map(({ cell, name, className = "", value }) => {
      const group = svg("g", { transform: translate(cell), class: className }, use(name));
      if (value) group.append(svg("text", { y: 7 }, value));
      return group;
    }));
    this.#cover("marks", marks.filter(({ value }) => value !== undefined).map(({ cell }) => cell));
  }

  /** Discs for normal moves and diamonds for flags: [{action, share, text, className}]. */
  showOverlay(items) {
    this.#layers.overlay.replaceChildren(...items.map(({ action, share, text, className = "" }) => {
      const size = 5 + 14 * Math.sqrt(share);
      const shape = isFlag(action)
        ? svg("path", { d: `M0-${size}L${size} 0L0 ${size}L-${size} 0Z` })
        : svg("circle", { r: size });
      return svg("g", { transform: translate(cellOf(action)), class: className }, shape,
        svg("text", { y: 4 }, text));
    }));
    this.#cover("overlay", items.map(({ action }) => cellOf(action)));
  }

  /** Hides what can be placed on the cells where a layer draws something else. */
  #cover(layer, cells) {
    this.#covered[layer] = cells;
    const covered = new Set(Object.values(this.#covered).flat());
    for (const [cell, { ghost }] of this.#cells) ghost.classList.toggle("covered", covered.has(cell));
  }
}

function labels() {
  const rows = Array.from({ length: ROWS }, (_, row) => {
    return svg("text", { x: LEFT / 2 + 1, y: Number(centerOf(row * COLS)[1]) + 4 }, String(row + 1));
  });
  const cols = Array.from({ length: COLS }, (_, col) => {
    return svg("text", { x: centerOf(col)[0], y: TOP - 9 }, cellName(col)[0]);
  });
  return svg("g", { class: "hz-labels", "aria-hidden": "true" }, ...rows, ...cols);
}
