// What all pages of games draw alike: cells, marks, the two sides, who is ahead.

import { CELLS, drawingOf, isFlag } from "./cells.js";
import { find, html, svg } from "./dom.js";

/** @import { Content } from "./cells.js" */

/** @param {number} share 0 to 1 */
export const percent = (share) => `${Math.round(100 * share)} %`;

/** The groups of a board's cells, by cell. @param {Element} board @returns {Map<number, Element>} */
export function cellsOf(board) {
  const groups = board.querySelectorAll(".hz-cells > g");
  return new Map(CELLS.map((cell, i) => [cell, groups[i]]));
}

/** @param {Element} group @param {Content} content */
export function drawCell(group, content) {
  const drawing = drawingOf(content);
  group.setAttribute("class", `hz-${drawing}`);
  find("use", SVGUseElement, group).setAttribute("href", `#hz-${drawing}`);
  find("text", SVGTextElement, group).textContent = String(content.value || "");
}

/** Where a cell is, for what is drawn over it. @param {Element} group */
export const transformOf = (group) => group.getAttribute("transform") ?? "";

/**
 * A disc for a normal move, a diamond for a flag, as large as its share.
 * @param {Element} group of the cell
 * @param {{ action: number, share: number, text: string | number, className?: string }} item
 */
export function disc(group, { action, share, text, className = "" }) {
  const size = 5 + 14 * Math.sqrt(share);
  const shape = isFlag(action)
    ? svg("path", { d: `M0-${size}L${size} 0L0 ${size}L-${size} 0Z` })
    : svg("circle", { r: size });
  return svg("g", { transform: transformOf(group), class: className }, shape, svg("text", { y: 4 }, text));
}

/**
 * The two players, with their scores and the flags that they have left.
 * @param {{ names: string[], score: number[], flags: number[], toMove: number, winner?: number }} facts
 *   toMove, winner: 1 or 2, or 0 for nobody
 */
export function drawSides({ names, score, flags, toMove, winner = 0 }) {
  document.querySelectorAll(".side").forEach((side, i) => {
    side.classList.toggle("to-move", toMove === i + 1);
    side.classList.toggle("winner", winner === i + 1);
    const who = find(".who", HTMLElement, side), pennants = find(".flags", HTMLElement, side);
    who.textContent = who.title = names[i];
    find(".points", HTMLElement, side).textContent = String(score[i]);
    pennants.title = `${flags[i]} ${flags[i] === 1 ? "flag" : "flags"} left`;
    pennants.setAttribute("aria-label", pennants.title);
    pennants.replaceChildren(...Array.from({ length: flags[i] }, () => {
      const drawing = svg("use", { href: `#hz-pennant${i + 1}` });
      return svg("svg", { viewBox: "-7 -10 16 20", class: "hz-board", "aria-hidden": "true" }, drawing);
    }));
  });
}

/** The scores of a game; the one of who lost is pale. @param {number[]} score @param {number} winner */
export function resultOf(score, winner) {
  return html("span", { className: "result" }, ...score.flatMap((points, i) => {
    const lost = winner !== 0 && winner !== i + 1;
    const shown = html(lost ? "span" : "b", { className: lost ? "lost" : "" }, points);
    return [html("span", { className: `hex p${i + 1}` }), shown];
  }));
}

/** The bar that shows who is ahead. @param {number | null} first the share of player 1, if known */
export function drawBar(first) {
  const bar = find(".bar", HTMLElement), share = first ?? 0.5;
  bar.classList.toggle("unknown", first === null);
  bar.replaceChildren(
    html("span", { className: "p1" }, share >= 0.15 ? percent(share) : ""),
    html("span", { className: "p2" }, share <= 0.85 ? percent(1 - share) : ""),
  );
  find(".p1", HTMLElement, bar).style.width = `${100 * share}%`;
}

/**
 * The course of a game: the share of player 1 over the moves. What lies between two points that
 * are not neighbours is not known, and left out.
 * @param {{ length: number, points: [number, number][], now: number, mistakes?: [number, number][],
 *   turns?: [number, number][] }} course points, mistakes, turns: numbers of moves played, and shares
 */
export function drawChart({ length, points, now, mistakes = [], turns = [] }) {
  const x = (/** @type {number} */ move) => (4 + (292 * move) / Math.max(1, length)).toFixed(1);
  const y = (/** @type {number} */ share) => (86 - 82 * share).toFixed(1);
  const paths = [["middle", "M0 45H300"]], courses = [];
  for (let from = 0, to = 1; from < points.length; from = to++) {
    while (to < points.length && points[to][0] === points[to - 1][0] + 1) to++;
    const part = points.slice(from, to), line = part.map(([move, share]) => `${x(move)} ${y(share)}`).join("L");
    if (part.length > 1) paths.push(["area", `M${x(part[0][0])} 90L${line}V90Z`]);
    // A line of no length with round ends is a dot that is round at any width of the chart.
    courses.push(`M${line}${part.length > 1 ? "" : "h0"}`);
  }
  if (courses.length) paths.push(["course", courses.join("")]);
  for (const [name, dots] of /** @type {const} */ ([["turn", turns], ["mistake", mistakes]])) {
    paths.push(...dots.map(([move, share]) => [name, `M${x(move)} ${y(share)}h0`]));
  }
  paths.push(["now", `M${x(now)} 0V90`]);
  find("#chart", SVGSVGElement).replaceChildren(...paths.map(([name, d]) => svg("path", { class: name, d })));
}

/** How far to the right a click is on its element, 0 to 1. @param {MouseEvent} event */
export function shareOfClick({ clientX, currentTarget }) {
  const { left, width } = /** @type {Element} */ (currentTarget).getBoundingClientRect();
  return (clientX - left) / width;
}
