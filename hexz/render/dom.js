// Finding and making elements.

/**
 * The first element of a selector; throws an Error if it is not of that class.
 * @template {Element} T
 * @param {string} selector
 * @param {new () => T} kind
 * @param {ParentNode} [parent]
 */
export function find(selector, kind, parent = document) {
  const element = parent.querySelector(selector);
  if (element instanceof kind) return element;
  throw new Error(`There is no ${kind.name} “${selector}”.`);
}

/** @param {string} id */
export const byId = (id) => find(`#${id}`, HTMLElement);
/** @param {string} id */
export const button = (id) => find(`#${id}`, HTMLButtonElement);
/** @param {string} id */
export const input = (id) => find(`#${id}`, HTMLInputElement);

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Partial<HTMLElementTagNameMap[Tag]>} properties
 * @param {...(Node | string | number)} children
 */
export function html(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string | number)} children
 */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return element;
}
