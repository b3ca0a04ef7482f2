// The dialog to share a game: a link, and a picture of the board, also for the share sheet of a phone.

import { byId, button, find, html, input, svg } from "./dom.js";

const sharing = find("#sharing", HTMLDialogElement), canvas = find("#picture", HTMLCanvasElement);
const SCALE = 2, BAND = 56; // pixels a unit of the drawing, and units for the words below it

/**
 * Opens the dialog.
 * @param {{ link: string, words: string, name: string }} what words: below the board, name: of the file
 */
export async function share({ link, words, name }) {
  input("link").value = link;
  button("save-picture").onclick = () => download(name);
  byId("only-here").hidden = location.protocol !== "file:";
  byId("send").hidden = true;
  sharing.showModal();
  input("link").scrollLeft = 0; // or only its end would be seen
  await draw(words);
  offerToSend({ title: "Flagz", text: words, files: [await pictureFile(name)], ...(location.protocol !== "file:" && { url: link }) });
}

/** @param {string} name @returns {Promise<File>} */
const pictureFile = (name) => new Promise((resolve) => {
  canvas.toBlob((picture) => resolve(new File(picture ? [picture] : [], name, { type: "image/png" })));
});

/** Shows a button for the share sheet, where the system has one that takes all of it. @param {ShareData} data */
function offerToSend(data) {
  byId("send").hidden = !navigator.canShare?.(data);
  button("send").onclick = () => navigator.share(data).catch(() => {}); // closed without sending
}

/** The board as a file, with the style sheets that it needs, and without what is only for play. */
function wholeDrawing() {
  const board = find("#board", SVGSVGElement), copy = /** @type {SVGSVGElement} */ (board.cloneNode(true));
  for (const layer of copy.querySelectorAll(".ghost, .ring, .hz-heat, .ground, .preview")) layer.remove();
  const rules = Array.from(document.styleSheets, (sheet) => Array.from(sheet.cssRules, ({ cssText }) => cssText)).flat();
  copy.prepend(svg("style", {}, rules.filter((rule) => rule.includes(".hz-")).join("\n")));
  const { width, height } = board.viewBox.baseVal;
  copy.setAttribute("width", String(SCALE * width));
  copy.setAttribute("height", String(SCALE * height));
  return { text: new XMLSerializer().serializeToString(copy), width, height };
}

/** @param {string} words */
async function draw(words) {
  const { text, width, height } = wholeDrawing();
  canvas.width = SCALE * width;
  canvas.height = SCALE * (height + BAND);
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  await image.decode();
  URL.revokeObjectURL(image.src);
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")), style = getComputedStyle(document.body);
  pen.fillStyle = style.backgroundColor;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0);
  pen.fillStyle = style.color;
  pen.textAlign = "center";
  pen.font = `600 ${15 * SCALE}px ${style.fontFamily}`;
  pen.fillText(words, canvas.width / 2, SCALE * (height + 34), canvas.width - 20 * SCALE);
  canvas.setAttribute("aria-label", `The board. ${words}`);
}

/** @param {string} name */
function download(name) {
  html("a", { href: canvas.toDataURL("image/png"), download: name }).click();
}

button("copy-link").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(input("link").value);
    byId("copy-link").textContent = "Copied";
  } catch {
    input("link").select(); // to be copied by hand
  }
});
sharing.addEventListener("close", () => { byId("copy-link").textContent = "Copy"; });
