// The games that were begun in this browser and are not finished: it remembers a few of them.

import { memory } from "./memory.js";

const UNFINISHED = "unfinished", KEPT = 3;

/** About how many moves a game has, and what was tried beside it. @param {string} link */
const movesIn = (link) => link.split("-").length;

/** Links to them, the game with the most moves first. */
export function unfinished() {
  const links = (memory.getItem(UNFINISHED) ?? "").split("\n").filter(Boolean);
  return links.sort((a, b) => movesIn(b) - movesIn(a));
}

/**
 * Takes note of what became of a game. Of too many others the one with the fewest moves is forgotten: a click by
 * mistake makes such a game.
 * @param {string} earlier link to the game as it was
 * @param {string | null} link as it is now, or null if it is over or given up
 */
export function remember(earlier, link) {
  const others = unfinished().filter((other) => other !== earlier && other !== link);
  const links = (link ? [link, ...others] : others).slice(0, KEPT);
  if (links.length) memory.setItem(UNFINISHED, links.join("\n"));
  else memory.removeItem(UNFINISHED);
}
