// The state of the page, and the one way to change it.

/** @template {object} State */
export class Store {
  /** @type {((state: State, before: State) => void)[]} */
  #followers = [];
  #state;
  #before;
  #isTelling = false;

  /** @param {State} state */
  constructor(state) {
    this.#state = this.#before = Object.freeze(state);
  }

  /** What holds at present; it never changes, `set` puts another in its place. */
  get state() {
    return this.#state;
  }

  /**
   * Changes some of the state, and tells all followers. What these change in turn, they are all
   * told next, so that each sees every state once and in order.
   * @param {Partial<State>} changes
   */
  set(changes) {
    this.#state = Object.freeze({ ...this.#state, ...changes });
    if (this.#isTelling) return;
    this.#isTelling = true;
    while (this.#before !== this.#state) {
      const state = this.#state, before = this.#before;
      this.#before = state;
      for (const follow of this.#followers) tell(follow, state, before);
    }
    this.#isTelling = false;
  }

  /** @param {(state: State, before: State) => void} follow called after each change */
  follow(follow) {
    this.#followers.push(follow);
  }
}

/**
 * One that fails says so in the console, and the others are told all the same.
 * @template State
 * @param {(state: State, before: State) => void} follow @param {State} state @param {State} before
 */
function tell(follow, state, before) {
  try {
    follow(state, before);
  } catch (error) {
    reportError(error);
  }
}
