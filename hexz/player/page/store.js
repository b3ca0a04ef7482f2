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
    try {
      while (this.#before !== this.#state) {
        const state = this.#state, before = this.#before;
        this.#before = state;
        for (const follow of this.#followers) follow(state, before);
      }
    } finally {
      this.#isTelling = false;
    }
  }

  /** @param {(state: State, before: State) => void} follow called after each change */
  follow(follow) {
    this.#followers.push(follow);
  }
}
