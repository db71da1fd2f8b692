// Everything works without this file; with it, progress moves by itself, Escape closes an overlay, and a removal asks.
"use strict";

const overlay = document.querySelector("[data-close]");
if (overlay) {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") location.assign(overlay.dataset.close);
  });
}

// A form is sent once: a second click while the answer is on its way does nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const question = event.submitter && event.submitter.dataset.ask;
  if (form.dataset.sent || (question && !confirm(question))) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  form.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.forms) {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }
});

const progress = document.querySelector("#progress[data-poll]");
if (progress) {
  const announcer = document.getElementById("announcer");
  const poll = async () => {
    let wait = 700;
    try {
      const answer = await fetch(progress.dataset.poll);
      if (answer.ok) {
        progress.innerHTML = await answer.text();
        const state = progress.firstElementChild;
        if (announcer.textContent !== state.dataset.said) announcer.textContent = state.dataset.said;
        if (state.dataset.running !== "true") {
          location.reload();
          return;
        }
      }
    } catch {
      wait = 3000;
    }
    setTimeout(poll, wait);
  };
  poll();
}
