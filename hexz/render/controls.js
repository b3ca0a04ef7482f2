// Buttons, a slider and keys that lead through the positions of a game.

import { button, byId, input } from "./dom.js";

const STEP_MS = 700;

/** @typedef {{ position: number, last: number }} Place which position is shown, and the last one's number */

export class Stepper {
  #timer = 0;
  #place;
  #go;

  /**
   * @param {() => Place} place where the page is
   * @param {(position: number, forward: boolean) => void} go shows a position; `forward` if it is the next one
   */
  constructor(place, go) {
    this.#place = place;
    this.#go = go;
    button("first").addEventListener("click", () => this.go(0));
    button("previous").addEventListener("click", () => this.go(place().position - 1));
    button("play").addEventListener("click", () => this.togglePlay());
    button("next").addEventListener("click", () => this.go(place().position + 1, true));
    button("last").addEventListener("click", () => this.go(place().last));
    input("slider").addEventListener("input", () => this.go(input("slider").valueAsNumber));
  }

  /** Goes to a position; every way of moving by hand ends the playback. */
  go(/** @type {number} */ position, forward = false) {
    this.#stop();
    this.#show(position, forward);
  }

  #stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  togglePlay() {
    const { position, last } = this.#place();
    if (this.#timer) return this.go(position);
    const again = position === last;
    this.#timer = setInterval(() => this.#show(this.#place().position + 1, true), STEP_MS);
    this.#show(again ? 0 : position + 1, !again);
  }

  /** @param {number} wanted @param {boolean} forward */
  #show(wanted, forward) {
    const { last } = this.#place(), position = Math.max(0, Math.min(last, wanted));
    if (position === last) this.#stop();
    this.#go(position, forward);
    this.draw();
  }

  draw() {
    const { position, last } = this.#place(), running = this.#timer !== 0;
    input("slider").max = String(last);
    input("slider").value = String(position);
    input("slider").setAttribute("aria-valuetext", position ? `Move ${position} of ${last}` : "Start");
    byId("counter").textContent = `${position} / ${last}`;
    button("first").disabled = button("previous").disabled = position === 0;
    button("last").disabled = button("next").disabled = position === last;
    button("play").disabled = last === 0;
    button("play").classList.toggle("running", running);
    button("play").setAttribute("aria-label", running ? "Stop the replay" : "Replay");
  }
}

/** Lets the keys of the whole page do what the buttons do. */
export function stepByKeys() {
  /** @type {Record<string, string>} */
  const buttons = { ArrowLeft: "previous", ArrowRight: "next", Home: "first", End: "last", " ": "play" };
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || !(event.key in buttons)) return;
    const control = event.target instanceof Element && event.target.closest("button, input");
    if (control && (event.key === " " || control.matches("[type=range]"))) return;
    event.preventDefault();
    button(buttons[event.key]).click();
  });
}
