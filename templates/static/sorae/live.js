/* Shows a part of a page anew, as the server has it now: while somebody looks at it, and not while they are at work in it.
   When its state is another, or nothing goes on any more, the whole page is. Without it, the browser's own button does the same. */
"use strict";
const SHORTEST_MS = 1000;
const isAtWork = (part) => part.contains(document.activeElement) || part.querySelector("details[open]:not([data-open])")
  || (!getSelection().isCollapsed && part.contains(getSelection().anchorNode));
let isOver = false; // signed out meanwhile, or the page has gone: what is shown stays

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.status === 200 && new URL(xhr.responseURL).pathname === location.pathname) return;
  event.detail.shouldSwap = false;
  isOver = xhr.status < 500;
});
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  if (isAtWork(event.detail.target)) event.detail.shouldSwap = false;
});
const state = () => document.querySelector("[data-live]")?.dataset.state ?? "over";
const atFirst = state();
document.addEventListener("htmx:afterSettle", () => { if (state() !== atFirst) location.reload(); });
let seconds = 0;
setInterval(() => {
  seconds += 1;
  for (const part of document.querySelectorAll("[data-live]")) {
    if (part.dataset.while && !part.querySelector(part.dataset.while)) continue; // nothing is awaited
    if (isOver || document.hidden || seconds % Number(part.dataset.live) || isAtWork(part)) continue;
    htmx.trigger(part, "look");
  }
}, SHORTEST_MS);
