/* A page of what goes on: its live parts are read anew while it does, and nothing else on the page moves.
   When the state is another, the whole page is. Without it, the browser reloads the page every few seconds. */
"use strict";
const EVERY_MS = 2000;
const state = () => document.querySelector("[data-under-way]")?.dataset.underWay;

const read = async () => {
  let answer;
  try { answer = await fetch(location.href, { headers: { Accept: "text/html" } }); } catch { return null; }
  return answer.ok && !answer.redirected ? await answer.text() : null; // a redirect: signed out meanwhile
};

const look = async () => {
  const text = document.hidden ? null : await read();
  if (text !== null) {
    const now = new DOMParser().parseFromString(text, "text/html");
    if (now.querySelector("[data-under-way]")?.dataset.underWay !== state()) return location.reload();
    for (const part of document.querySelectorAll("[data-live]")) {
      const fresh = now.getElementById(part.id);
      if (fresh && !part.contains(document.activeElement) && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
    }
  }
  setTimeout(look, EVERY_MS);
};
if (state()) setTimeout(look, EVERY_MS);
