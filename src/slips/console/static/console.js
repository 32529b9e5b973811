// Copies commands, and says when the console does not answer. Without it, pages work, and do not refresh themselves.
"use strict";

const lost = (is) => { document.getElementById("lost").hidden = !is; };

const offerCopies = (root) => {
  if (!navigator.clipboard) return; // over plain HTTP only on loopback
  for (const button of root.querySelectorAll("button.copy")) button.hidden = false;
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});

document.addEventListener("htmx:sendError", () => lost(true));
document.addEventListener("htmx:responseError", () => lost(true));
document.addEventListener("htmx:afterOnLoad", () => lost(false));
document.addEventListener("htmx:afterSwap", (event) => offerCopies(event.target));
offerCopies(document);
