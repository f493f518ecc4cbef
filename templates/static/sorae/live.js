/* Shows a part of a page anew, as the server has it now: while somebody looks at it, and not while they are at work in it.
   Without it, the browser's own button does the same. */
"use strict";
const SHORTEST_MS = 1000;
const places = (part) => [part, ...document.querySelectorAll(part.getAttribute("hx-select-oob") || "nothing")];
const isAtWork = (part) => places(part).some((place) => place.contains(document.activeElement)
  || place.querySelector("details[open]:not([data-open])")
  || (!getSelection().isCollapsed && place.contains(getSelection().anchorNode)));
let isOver = false; // signed out meanwhile, or the page has gone: what is shown stays

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.status === 200 && new URL(xhr.responseURL).pathname === location.pathname) return;
  event.detail.shouldSwap = false;
  isOver = xhr.status < 500;
});
let seconds = 0;
setInterval(() => {
  seconds += 1;
  for (const part of document.querySelectorAll("[data-live]")) {
    if (part.dataset.while && !part.querySelector(part.dataset.while)) continue; // nothing is awaited
    if (isOver || document.hidden || seconds % Number(part.dataset.live) || isAtWork(part)) continue;
    htmx.trigger(part, "look");
  }
}, SHORTEST_MS);
