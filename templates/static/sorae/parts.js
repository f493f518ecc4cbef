/* Shows a part of a page anew while a worker is yet to do something for it: from our own record, at the server.
   Without it, the page shows the same when it is loaded again. */
"use strict";
const LOOK_EVERY_MS = 2000;
for (const place of document.querySelectorAll("[data-part]")) {
  const look = async () => {
    if (!place.querySelector("[data-awaited]")) return;
    let answer;
    try { answer = await fetch(`${location.pathname}?part=1`); } catch { answer = null; }
    const found = answer?.ok && !answer.redirected ? await answer.text() : null; // a redirect: signed out meanwhile
    const focused = place.contains(document.activeElement) ? document.activeElement : null;
    if (found !== null && focused?.tagName !== "SELECT") { // nobody's choice is taken away
      const again = focused && `${focused.tagName}[value="${CSS.escape(focused.value ?? "")}"]`;
      place.innerHTML = found;
      if (again) place.querySelector(again)?.focus();
    }
    setTimeout(look, LOOK_EVERY_MS);
  };
  setTimeout(look, LOOK_EVERY_MS);
}
