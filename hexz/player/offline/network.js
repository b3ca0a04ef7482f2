// The network in plain JavaScript: a position to the logits of all actions, its value and its outlook.
//
// Planes are arrays of 110 numbers, one a cell of the grid of 11 x 10; the last of each odd row does not
// exist; to squares of 3 x 3 it is a cell as any other until the end of the tower, as in hexz/model/network.py.

import { CELLS, COLS, GRID, ROWS, exists } from "./cells.js";
import { NEIGHBOURS } from "./rules.js";
/** @import { Position } from "./rules.js" */

const WIDTH = COLS + 2, PADDED = (ROWS + 2) * WIDTH, PLANES = 11, ACTIONS = 2 * GRID;
const INNER = Array.from({ length: GRID }, (_, cell) => (Math.floor(cell / COLS) + 1) * WIDTH + (cell % COLS) + 1);
const FIRST = INNER[0], SPAN = INNER[GRID - 1] - FIRST + 1;
const EXISTS = Float32Array.from({ length: GRID }, (_, cell) => Number(exists(Math.floor(cell / COLS), cell % COLS)));

/**
 * @typedef {{ blocks: number, filters: number, kernel: "ring" | "square", ringScale: number, marginScale: number, maps: Record<string, number[]>, tensors: [string, number[]][] }} Header
 * @typedef {{ logits: Float32Array, value: number, outlook: { ownership: number[], margin: number } | null }} Evaluation
 *   logits, value: from the view of the player to move; outlook: from that of player 1
 */

/** The planes that the network sees, as `Board.planes()` has them. @param {Position} position */
function planesOf(position) {
  const planes = new Float32Array(PLANES * GRID), { turn } = position;
  [turn, 3 - turn].forEach((player, side) => {
    const at = 5 * side * GRID;
    planes.fill(1, at + 2 * GRID, at + 3 * GRID);
    planes.fill(position.flagsOf(player), at + 4 * GRID, at + 5 * GRID);
    for (const cell of CELLS) {
      const { kind, owner, value } = position.cells[cell];
      if (owner === player) planes[at + (kind === "flag" ? 0 : GRID) + cell] = kind === "flag" ? 1 : value;
      if (kind !== "empty") continue;
      const next = position.nextValue(player, cell);
      planes[at + 2 * GRID + cell] = Number(next < 0);
      planes[at + 3 * GRID + cell] = Math.max(next, 0);
    }
  });
  for (const cell of CELLS) {
    const { kind, value } = position.cells[cell];
    if (kind === "grass") planes[10 * GRID + cell] = value;
  }
  return planes;
}

/**
 * Numbers of half precision in single precision. Their exponents have 5 bits and are 15 too large, those of single
 * precision 8 bits and 127: with the bits in their places, a number is 2 ** 112 times too small.
 * @param {Uint16Array} halves
 */
function singles(halves) {
  const bits = Uint32Array.from(halves, (half) => ((half & 0x8000) << 16) | ((half & 0x7fff) << 13));
  return new Float32Array(bits.buffer).map((x) => x * 2 ** 112);
}

/** @param {number} x */
const clamp = (x) => Math.min(1, Math.max(0, x));

export class Network {
  /** @type {Map<string, Float32Array>} */
  #weights = new Map();
  #header;

  /** @param {Header} header @param {ArrayBuffer} data the tensors in its order, in half precision */
  constructor(header, data) {
    this.#header = header;
    for (const [name, map] of Object.entries(header.maps)) this.#weights.set(name, Float32Array.from(map));
    const numbers = singles(new Uint16Array(data));
    let at = 0;
    for (const [name, shape] of header.tensors) {
      const size = shape.reduce((product, n) => product * n, 1);
      this.#weights.set(name, numbers.subarray(at, at + size));
      at += size;
    }
  }

  /** @param {string} name */
  #tensor(name) {
    return /** @type {Float32Array} */ (this.#weights.get(name));
  }

  /** @param {Position} position @returns {Evaluation} */
  evaluate(position) {
    const { blocks, filters } = this.#header, planes = planesOf(position);
    const scalars = this.#scalars(planes);
    const convolution = this.#header.kernel === "ring" ? this.#rings.bind(this) : this.#squares.bind(this);
    let x = convolution("stem", this.#spatial(planes), this.#linear("stem_bias", scalars, filters));
    relu(x);
    for (let block = 0; block < blocks; block++) {
      const hidden = convolution(`${block}.conv1`, x);
      relu(hidden);
      const out = convolution(`${block}.conv2`, hidden);
      for (let i = 0; i < out.length; i++) out[i] += x[i];
      relu(out);
      x = out;
    }
    const cells = inner(x, filters), pooled = pool(cells, filters), both = concatenated(pooled, scalars);
    const hidden = this.#linear("value.hidden", both);
    relu(hidden);
    return {
      logits: this.#policy(cells, pooled),
      value: Math.tanh(this.#linear("value.out", hidden)[0]),
      outlook: this.#outlook(cells, both, position.turn),
    };
  }

  /** The features of a position as a whole. @param {Float32Array} planes */
  #scalars(planes) {
    const sums = Float32Array.from({ length: PLANES }, (_, p) => planes.subarray(p * GRID, (p + 1) * GRID).reduce((a, b) => a + b, 0));
    return this.#linear("global", sums).map(clamp);
  }

  /** The features of each cell. @param {Float32Array} planes */
  #spatial(planes) {
    const weights = this.#tensor("spatial.weight"), biases = this.#tensor("spatial.bias"), inputs = PLANES + 2;
    const padded = new Float32Array(biases.length * PADDED);
    for (let cell = 0; cell < GRID; cell++) {
      for (let feature = 0; feature < biases.length; feature++) {
        let sum = biases[feature] + weights[feature * inputs + PLANES] * EXISTS[cell]
          + weights[feature * inputs + PLANES + 1] * (Math.floor(cell / COLS) % 2);
        for (let plane = 0; plane < PLANES; plane++) sum += weights[feature * inputs + plane] * planes[plane * GRID + cell];
        padded[feature * PADDED + INNER[cell]] = clamp(sum);
      }
    }
    return padded;
  }

  /** @param {string} name @param {Float32Array} x @param {number} [size] of the output, where there is no bias */
  #linear(name, x, size) {
    const weights = this.#tensor(`${name}.weight`), bias = this.#weights.get(`${name}.bias`);
    return Float32Array.from({ length: bias?.length ?? size ?? 0 }, (_, row) => {
      let sum = bias ? bias[row] : 0;
      for (let i = 0; i < x.length; i++) sum += weights[row * x.length + i] * x[i];
      return sum;
    });
  }

  /**
   * A convolution of each cell and its neighbours on padded planes, whose borders are 0.
   * @param {string} name @param {Float32Array} input @param {Float32Array} [more] to be added to each plane
   */
  #rings(name, input, more) {
    const weights = this.#tensor(`${name}.weight`), bias = this.#tensor(`${name}.bias`), { ringScale } = this.#header;
    const inputs = input.length / PADDED, output = new Float32Array(bias.length * PADDED);
    const sums = new Float64Array(SPAN), given = new Float64Array(SPAN);
    for (let o = 0; o < bias.length; o++) {
      sums.fill(bias[o] + (more ? more[o] : 0));
      given.fill(0);
      for (let i = 0; i < inputs; i += 4) {
        const at = 2 * (o * inputs + i);
        addRings(sums, given, input, i * PADDED + FIRST, weights.subarray(at, Math.min(at + 8, 2 * (o + 1) * inputs)));
      }
      for (const cell of CELLS) {
        let ring = 0;
        for (const neighbour of NEIGHBOURS[cell]) ring += given[INNER[neighbour] - FIRST];
        output[o * PADDED + INNER[cell]] = sums[INNER[cell] - FIRST] + ring * ringScale;
      }
    }
    return output;
  }

  /**
   * A convolution of 3 x 3 cells.
   * @param {string} name @param {Float32Array} input @param {Float32Array} [more] to be added to each plane
   */
  #squares(name, input, more) {
    const weights = this.#tensor(`${name}.weight`), bias = this.#tensor(`${name}.bias`);
    const inputs = input.length / PADDED, output = new Float32Array(bias.length * PADDED), sums = new Float64Array(SPAN);
    for (let o = 0; o < bias.length; o++) {
      sums.fill(bias[o] + (more ? more[o] : 0));
      for (let i = 0; i < inputs; i++) {
        const at = (o * inputs + i) * 9;
        addSquares(sums, input, i * PADDED + FIRST, weights.subarray(at, at + 9));
      }
      for (const cell of INNER) output[o * PADDED + cell] = sums[cell - FIRST];
    }
    return output;
  }

  /** @param {Float32Array} cells @param {Float32Array} pooled */
  #policy(cells, pooled) {
    const local = this.#tensor("policy.local.weight"), bias = this.#tensor("policy.local.bias"), { filters } = this.#header;
    const shared = this.#linear("policy.pooled", pooled, bias.length), width = bias.length;
    const out = this.#tensor("policy.out.weight"), outBias = this.#tensor("policy.out.bias"), logits = new Float32Array(ACTIONS);
    for (let cell = 0; cell < GRID; cell++) {
      logits[cell] = outBias[0];
      logits[GRID + cell] = outBias[1];
      for (let h = 0; h < width; h++) {
        let sum = bias[h] + shared[h];
        for (let f = 0; f < filters; f++) sum += local[h * filters + f] * cells[f * GRID + cell];
        if (sum <= 0) continue;
        logits[cell] += out[h] * sum;
        logits[GRID + cell] += out[width + h] * sum;
      }
    }
    return logits;
  }

  /** @param {Float32Array} cells @param {Float32Array} both @param {number} turn */
  #outlook(cells, both, turn) {
    if (!this.#weights.has("margin.weight")) return null;
    const weights = this.#tensor("ownership.weight"), [bias] = this.#tensor("ownership.bias"), sign = turn === 1 ? 1 : -1;
    const ownership = Array.from({ length: GRID }, (_, cell) => {
      let sum = bias;
      for (let f = 0; f < weights.length; f++) sum += weights[f] * cells[f * GRID + cell];
      return sign * Math.tanh(sum);
    });
    // The head is trained on the hyperbolic tangent of this.
    return { ownership, margin: sign * this.#header.marginScale * this.#linear("margin", both)[0] };
  }
}

/**
 * Adds what up to four planes give to a convolution of rings: four at once, which is twice as fast as one after the
 * other.
 * @param {Float64Array} own what cells give to themselves @param {Float64Array} ring and to their neighbours
 * @param {Float32Array} input @param {number} at @param {Float32Array} weights of both, plane by plane
 */
function addRings(own, ring, input, at, weights) {
  const [a0, b0, a1 = 0, b1 = 0, a2 = 0, b2 = 0, a3 = 0, b3 = 0] = weights;
  const planes = weights.length / 2, next = (/** @type {number} */ plane) => at + Math.min(plane, planes - 1) * PADDED;
  for (let k = 0, p = at, q = next(1), r = next(2), s = next(3); k < SPAN; k++, p++, q++, r++, s++) {
    own[k] += a0 * input[p] + a1 * input[q] + a2 * input[r] + a3 * input[s];
    ring[k] += b0 * input[p] + b1 * input[q] + b2 * input[r] + b3 * input[s];
  }
}

/**
 * Adds what a plane gives to a convolution of 3 x 3 cells: all at once, which is three times as fast as one after the
 * other.
 * @param {Float64Array} sums @param {Float32Array} input @param {number} at @param {Float32Array} weights
 */
function addSquares(sums, input, at, weights) {
  const [w0, w1, w2, w3, w4, w5, w6, w7, w8] = weights;
  for (let k = 0, p = at - WIDTH, q = at, r = at + WIDTH; k < SPAN; k++, p++, q++, r++) {
    sums[k] += w0 * input[p - 1] + w1 * input[p] + w2 * input[p + 1]
      + w3 * input[q - 1] + w4 * input[q] + w5 * input[q + 1]
      + w6 * input[r - 1] + w7 * input[r] + w8 * input[r + 1];
  }
}

/** @param {Float32Array} x */
function relu(x) {
  for (let i = 0; i < x.length; i++) if (x[i] < 0) x[i] = 0;
}

/** Padded planes without their borders, 0 where no cell exists. @param {Float32Array} padded @param {number} count */
function inner(padded, count) {
  const cells = new Float32Array(count * GRID);
  for (let f = 0; f < count; f++) {
    for (let cell = 0; cell < GRID; cell++) cells[f * GRID + cell] = padded[f * PADDED + INNER[cell]] * EXISTS[cell];
  }
  return cells;
}

/** Mean and maximum of each plane. @param {Float32Array} cells @param {number} count */
function pool(cells, count) {
  const pooled = new Float32Array(2 * count);
  for (let f = 0; f < count; f++) {
    const plane = cells.subarray(f * GRID, (f + 1) * GRID);
    pooled[f] = plane.reduce((sum, x) => sum + x, 0) / CELLS.length;
    pooled[count + f] = Math.max(...plane);
  }
  return pooled;
}

/** @param {Float32Array} a @param {Float32Array} b */
function concatenated(a, b) {
  const both = new Float32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
