// Short sounds for moves, off until somebody asks for them.

import { memory } from "./memory.js";

const KEY = "sound";
const NOTES = { placed: [330], flag: [440], captured: [330, 495], over: [330, 415, 495] };

/** @type {AudioContext | null} */
let context = null;

export const isOn = () => memory.getItem(KEY) === "on";

/** @param {boolean} on */
export function turn(on) {
  if (on) memory.setItem(KEY, "on");
  else memory.removeItem(KEY);
}

/** @param {keyof typeof NOTES} name */
export function sound(name) {
  if (!isOn()) return;
  context ??= new AudioContext();
  NOTES[name].forEach((pitch, i) => {
    const { currentTime, destination } = /** @type {AudioContext} */ (context), start = currentTime + 0.09 * i;
    const oscillator = new OscillatorNode(/** @type {AudioContext} */ (context), { type: "triangle", frequency: pitch });
    const gain = new GainNode(/** @type {AudioContext} */ (context), { gain: 0 });
    gain.gain.setValueAtTime(0.0001, start);
    gain.gain.exponentialRampToValueAtTime(0.2, start + 0.01);
    gain.gain.exponentialRampToValueAtTime(0.0001, start + 0.22);
    oscillator.connect(gain).connect(destination);
    oscillator.start(start);
    oscillator.stop(start + 0.25);
  });
}
