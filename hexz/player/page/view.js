// The board to play on: each cell can be focused, and layers over the cells show moves and thoughts.

import { cellsOf, disc, transformOf } from "./board.js";
import { CELLS, COLS, ROWS, cellName, cellOf, colOf, drawingOf, rowOf } from "./cells.js";
import { find, svg } from "./dom.js";
/** @import { Position } from "./rules.js" */

const CAPTURE_STEP_MS = 130;

/**
 * @typedef {{ cell: number, player: number, text: string | number }} Choice
 * @typedef {{ cell: number, name: string, className?: string, value?: string | number }} Mark
 * @typedef {{ action: number, share: number, text: string | number, className?: string }} Disc
 * @typedef {{ group: Element, content: SVGGElement, shape: Element, text: Element, ghost: Element }} Parts
 */

/** @param {string} name @param {Record<string, string | number>} [attributes] */
const use = (name, attributes = {}) => svg("use", { href: `#hz-${name}`, ...attributes });

/** The cell that a key leads to. @param {number} cell @param {string} key */
function step(cell, key) {
  const row = rowOf(cell), col = colOf(cell), last = (/** @type {number} */ r) => COLS - 1 - (r % 2);
  const [r, c] = {
    ArrowLeft: [row, col - 1], ArrowRight: [row, col + 1],
    ArrowUp: [row - 1, col], ArrowDown: [row + 1, col],
    Home: [row, 0], End: [row, last(row)],
  }[key] ?? [row, col];
  if (r < 0 || r >= ROWS) return cell;
  return r * COLS + Math.max(0, Math.min(last(r), c));
}

/** @param {{ target: EventTarget | null }} event */
function cellAt({ target }) {
  const group = target instanceof Element && target.closest("[data-cell]");
  return group ? Number(group.getAttribute("data-cell")) : null;
}

export class BoardView {
  /** @type {Map<number, Parts>} */
  #cells = new Map();
  #marks;
  #overlay;
  /** @type {Element[]} */
  #ground = [];
  /** @type {{ marks: number[], overlay: number[] }} */
  #covered = { marks: [], overlay: [] }; // cells on which a layer draws

  /**
   * @param {SVGSVGElement} element
   * @param {object} listeners
   * @param {(cell: number) => void} listeners.onChoose clicked, or Enter
   * @param {(cell: number | null) => void} listeners.onLook under the pointer, or focused
   */
  constructor(element, { onChoose, onLook }) {
    this.#marks = find(".hz-marks", SVGGElement, element);
    this.#overlay = find(".hz-heat", SVGGElement, element);
    this.#makeCells(element);
    // Not on the drawing itself: one that listens for focus is a stop of the tab key.
    const place = /** @type {HTMLElement} */ (element.parentElement);
    place.addEventListener("click", (event) => {
      const cell = cellAt(event);
      if (cell === null) return;
      this.#rove(cell);
      onChoose(cell);
    });
    place.addEventListener("pointerover", (event) => event.pointerType !== "touch" && onLook(cellAt(event)));
    place.addEventListener("pointerleave", () => onLook(null));
    place.addEventListener("focusin", (event) => {
      const cell = cellAt(event);
      if (cell === null) return;
      this.#rove(cell);
      if (this.#at(cell).group.matches(":focus-visible")) onLook(cell);
    });
    place.addEventListener("focusout", () => onLook(null));
    place.addEventListener("keydown", (event) => {
      const cell = cellAt(event);
      if (cell === null || event.altKey || event.ctrlKey || event.metaKey) return;
      if (/^(Arrow|Home|End)/.test(event.key)) /** @type {SVGElement} */ (this.#at(step(cell, event.key)).group).focus();
      else if (event.key === "Enter" || event.key === " ") onChoose(cell);
      else return;
      event.preventDefault();
    });
  }

  /** Makes rows of focusable cells of a plain board. @param {Element} element */
  #makeCells(element) {
    const groups = cellsOf(element), grid = find(".hz-cells", SVGGElement, element);
    grid.setAttribute("role", "rowgroup");
    for (let row = 0; row < ROWS; row++) {
      const line = svg("g", { role: "row" });
      grid.append(line);
      for (const cell of CELLS.filter((c) => rowOf(c) === row)) {
        const group = /** @type {SVGGElement} */ (groups.get(cell)), [shape, text] = group.children;
        const content = svg("g", { class: "content" }, shape, text), ghost = svg("g", { class: "ghost" });
        group.append(content, ghost, use("shape", { class: "ring" }));
        group.setAttribute("role", "gridcell");
        group.setAttribute("data-cell", String(cell));
        group.setAttribute("data-name", cellName(cell));
        this.#cells.set(cell, { group, content, shape, text, ghost });
        line.append(group);
      }
    }
    this.#rove(CELLS[CELLS.length >> 1]);
  }

  /** @param {number} cell */
  #at(cell) {
    return /** @type {Parts} */ (this.#cells.get(cell));
  }

  /** Makes one cell the one that the tab key leads to. @param {number} cell */
  #rove(cell) {
    for (const [other, { group }] of this.#cells) group.setAttribute("tabindex", other === cell ? "0" : "-1");
  }

  /**
   * @param {Position} position
   * @param {(cell: number) => string} nameOf what a screen reader says
   */
  draw(position, nameOf) {
    for (const [cell, { group, shape, text }] of this.#cells) {
      const content = position.cells[cell], drawing = drawingOf(content);
      group.setAttribute("class", `hz-${drawing}`);
      shape.setAttribute("href", `#hz-${drawing}`);
      text.textContent = String(content.value || "");
      group.setAttribute("aria-label", nameOf(cell));
    }
  }

  /**
   * Tints the cells by whose they will be, below what is written on them.
   * @param {Map<number, number>} ownership by cell, -1 Orange to 1 Blue
   */
  showGround(ownership) {
    for (const tint of this.#ground) tint.remove();
    this.#ground = Array.from(ownership, ([cell, share]) => {
      const tint = use("shape", { class: `ground p${share > 0 ? 1 : 2}`, "fill-opacity": (0.65 * Math.abs(share)).toFixed(2) });
      this.#at(cell).shape.after(tint);
      return tint;
    });
  }

  /**
   * Lets the cells of a move appear: the placed one, then what it captures, step by step.
   * @param {{ cell: number, step: number }[]} changes
   */
  animate(changes) {
    for (const { cell, step: wave } of changes) {
      const { group, content } = this.#at(cell);
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

  /** Shows what can be placed: a value, or a flag if there is no text. @param {Choice[]} choices */
  showChoices(choices) {
    for (const { group, ghost } of this.#cells.values()) {
      ghost.replaceChildren();
      group.classList.remove("choice");
    }
    for (const { cell, player, text } of choices) {
      const { group, ghost } = this.#at(cell);
      group.classList.add("choice");
      ghost.classList.remove("p1", "p2");
      ghost.classList.add(`p${player}`);
      if (text) ghost.append(svg("text", { y: 6 }, text));
      else ghost.append(svg("circle", { r: 3 }));
    }
  }

  /** Draws `#hz-NAME`s on cells. @param {Mark[]} marks */
  showMarks(marks) {
    this.#marks.replaceChildren(...marks.map(({ cell, name, className = "", value }) => {
      const group = svg("g", { transform: transformOf(this.#at(cell).group), class: className }, use(name));
      if (value) group.append(svg("text", { y: 7 }, value));
      return group;
    }));
    this.#cover("marks", marks.filter(({ value }) => value !== undefined).map(({ cell }) => cell));
  }

  /** Draws discs for normal moves and diamonds for flags. @param {Disc[]} items */
  showOverlay(items) {
    this.#overlay.replaceChildren(...items.map((item) => disc(this.#at(cellOf(item.action)).group, item)));
    this.#cover("overlay", items.map(({ action }) => cellOf(action)));
  }

  /**
   * Hides what can be placed on the cells where a layer draws something else.
   * @param {"marks" | "overlay"} layer @param {number[]} cells
   */
  #cover(layer, cells) {
    this.#covered[layer] = cells;
    const covered = new Set([...this.#covered.marks, ...this.#covered.overlay]);
    for (const [cell, { ghost }] of this.#cells) ghost.classList.toggle("covered", covered.has(cell));
  }
}
