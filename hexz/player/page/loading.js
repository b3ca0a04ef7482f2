// Tells a reader whose page did not arrive whole, and lets it be loaded again: what is missing cannot.

addEventListener("error", ({ target }) => {
  const again = document.getElementById("go"), status = document.getElementById("status");
  if (!(target instanceof HTMLScriptElement) || !again || !status) return;
  status.textContent = "A part of this page could not be loaded.";
  again.textContent = "Load it again";
  again.hidden = false;
  again.addEventListener("click", () => location.reload());
}, true);
