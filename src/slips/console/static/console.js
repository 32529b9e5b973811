// Copies commands, and says when the console does not answer. Without it, pages work, and do not refresh themselves.
"use strict";

const SILENT = document.getElementById("lost").textContent;

// Says why what is shown may be old; nothing if it is not.
const lost = (why) => {
  const banner = document.getElementById("lost");
  banner.hidden = !why;
  if (why) banner.textContent = why;
};

// The problem that an answer of the console tells: on a page, or as a plain text.
const problemIn = (text) => {
  const page = new DOMParser().parseFromString(text, "text/html");
  return (page.querySelector(".problem") ?? page.body).textContent.trim();
};

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

// TRY: the beginning of a file goes to the console, whatever its size.
const file = document.getElementById("file");
const drop = document.getElementById("drop");

const tryFile = async (chosen) => {
  const result = document.getElementById("result");
  const most = Number(file.dataset.most);
  const about = new URLSearchParams({ name: chosen.name, whole: chosen.size <= most ? "1" : "0" });
  result.setAttribute("aria-busy", "true");
  result.textContent = `Reading ${chosen.name} …`;
  try {
    const answer = await fetch(`/try?${about}`, {
      method: "POST",
      headers: {
        "Content-Type": "application/octet-stream",
        "X-Slips-Form-Token": document.querySelector("meta[name=form-token]").content,
      },
      body: chosen.slice(0, most),
    });
    const text = await answer.text();
    if (answer.ok) result.innerHTML = text; // all text in it is escaped by the console
    else result.textContent = problemIn(text);
    offerCopies(result);
    lost("");
  } catch {
    result.textContent = "";
    lost(SILENT);
  } finally {
    result.removeAttribute("aria-busy");
  }
};

if (file) {
  document.getElementById("with-script").hidden = false;
  file.addEventListener("change", () => file.files.length && tryFile(file.files[0]));
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length) tryFile(event.dataTransfer.files[0]);
  });
}

// A screen reader is told what has changed in the sentence marked with data-say, and nothing else of a refresh.
const sentence = () => {
  const said = document.querySelector("[data-say]")?.cloneNode(true);
  said?.querySelectorAll("[aria-hidden], [data-age]").forEach((each) => each.remove()); // an age alone is no change
  return said?.textContent.replace(/\s+/g, " ").trim() ?? "";
};
let told = sentence();
const tell = () => {
  const now = sentence();
  if (now && now !== told) document.getElementById("said").textContent = now;
  told = now;
};

document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden) event.preventDefault(); // a tab that nobody looks at asks for nothing
});
document.addEventListener("htmx:sendError", () => lost(SILENT));
document.addEventListener("htmx:responseError", (event) => lost(`This page is of before: ${problemIn(event.detail.xhr.responseText)}`));
document.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful) lost(""); });
document.addEventListener("htmx:afterSwap", () => { offerCopies(document); tell(); });
offerCopies(document);
