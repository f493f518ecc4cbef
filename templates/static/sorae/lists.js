/* Finds lists while one types, and shows them anew when a worker has read them: both from our own copy, at the server.
   Without it, the buttons do the same. */
"use strict";
const PAUSE_MS = 200, LOOK_EVERY_MS = 2000;
for (const place of document.querySelectorAll("[data-lists]")) {
  const field = document.getElementById(place.dataset.search);
  const name = place.dataset.lists;
  let asked = 0, timer;
  const chosen = () => place.querySelector("input:checked")?.value ?? "";
  const soon = (wait) => { clearTimeout(timer); timer = setTimeout(find, wait); };
  const lookAgain = () => { if (place.querySelector("[data-awaited]")) soon(LOOK_EVERY_MS); };
  const find = async () => {
    clearTimeout(timer);
    const number = ++asked, wanted = chosen();
    const query = new URLSearchParams({ lists: name, words: field.value, chosen: wanted });
    for (const one of field.form.querySelectorAll("input[type=hidden][name=store], input[type=hidden][name=connection]")) query.set(one.name, one.value);
    let answer;
    try { answer = await fetch(`${location.pathname}?${query}`); } catch { return; }
    const found = answer.ok && !answer.redirected ? await answer.text() : null; // a redirect: signed out meanwhile
    if (number !== asked || found === null) return;
    if (chosen() !== wanted) { find(); return; }
    const focused = place.contains(document.activeElement) ? document.activeElement.value : null;
    place.innerHTML = found;
    if (focused !== null) [...place.querySelectorAll("input")].find((one) => one.value === focused)?.focus();
    lookAgain();
  };
  field.addEventListener("input", () => soon(PAUSE_MS));
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); find(); } });
  lookAgain();
}
