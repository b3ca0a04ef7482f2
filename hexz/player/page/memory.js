// What the browser remembers from visit to visit; where it may not remember anything, until the page is left.

/** @type {Pick<Storage, "getItem" | "setItem" | "removeItem">} */
export const memory = storage();

function storage() {
  try {
    return localStorage; // throws where somebody forbids it
  } catch {
    const values = /** @type {Map<string, string>} */ (new Map());
    return {
      getItem: (/** @type {string} */ name) => values.get(name) ?? null,
      setItem: (/** @type {string} */ name, /** @type {string} */ value) => { values.set(name, value); },
      removeItem: (/** @type {string} */ name) => { values.delete(name); },
    };
  }
}
