/* Actions: finds one while one types, and finds the account's things for a field.
   Without it, the buttons do the same. */
"use strict";
const PAUSE_MS = 250;
const plain = (text) => text.normalize("NFC").toLowerCase().split(/\s+/).filter(Boolean);

for (const field of document.querySelectorAll("[data-filter]")) {
  const shelf = document.getElementById(field.dataset.filter);
  if (!shelf) continue; // no account is chosen yet
  const said = document.getElementById(`${shelf.id}-count`), none = document.getElementById(`${shelf.id}-none`);
  const filter = () => {
    const wanted = plain(field.value);
    let count = 0;
    for (const one of shelf.querySelectorAll("[data-words]")) {
      one.hidden = !wanted.every((word) => one.dataset.words.includes(word));
      count += !one.hidden;
    }
    for (const group of shelf.querySelectorAll("[data-group]")) group.hidden = !group.querySelector("[data-words]:not([hidden])");
    said.textContent = count === 1 ? "1 action" : `${count} actions`;
    none.hidden = count > 0;
  };
  field.addEventListener("input", filter);
}
for (const one of document.querySelectorAll("[data-submits]")) one.addEventListener("change", () => one.form.submit());

// Whoever goes back to a form finds it as it was, and does not do the same twice.
for (const form of document.querySelectorAll("[data-once]"))
  history.replaceState(null, "", `${form.getAttribute("action")}?form=${encodeURIComponent(form.dataset.once)}`);

for (const field of document.querySelectorAll("[data-finds]")) {
  const name = field.dataset.finds, isMany = field.tagName === "TEXTAREA";
  const place = document.querySelector(`[data-found="${name}"]`), named = document.querySelector(`[data-named="${name}"]`);
  const button = field.form.querySelector(`button[name=find][value="${name}"]`);
  let asked = 0, timer;
  const find = async () => {
    clearTimeout(timer);
    const number = ++asked;
    const data = new FormData();
    for (const one of field.form.querySelectorAll("[name=csrfmiddlewaretoken]")) data.set(one.name, one.value);
    data.set(field.name, field.value);
    data.set("find", name);
    data.set("fragment", "1");
    place.setAttribute("aria-busy", "true");
    let answer;
    try { answer = await fetch(field.form.action, { method: "POST", body: data }); } catch { answer = null; }
    const found = answer?.ok && !answer.redirected ? await answer.text() : null; // a redirect: signed out meanwhile
    if (number !== asked) return;
    place.removeAttribute("aria-busy");
    if (found !== null) place.innerHTML = found;
  };
  const take = (id, words) => {
    ++asked;
    clearTimeout(timer);
    const lines = field.value.split("\n").map((line) => line.trim()).filter(Boolean);
    if (isMany) {
      if (lines.length && !lines.at(-1).match(/^[A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]*$/)) lines.pop();
      field.value = [...new Set([...lines, id])].join("\n") + "\n";
    } else {
      field.value = id;
    }
    const name = named.querySelector("bdi");
    name.textContent = isMany && name.textContent ? `${name.textContent}, ${words}` : words;
    place.replaceChildren();
    field.focus({ preventScroll: true });
  };
  field.addEventListener("input", () => { named.querySelector("bdi").textContent = ""; clearTimeout(timer); timer = setTimeout(find, PAUSE_MS); });
  field.addEventListener("focus", () => { if (!field.value && !place.children.length) find(); });
  if (!isMany) field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") place.replaceChildren();
    if (event.key !== "Enter") return;
    event.preventDefault();
    const only = place.querySelectorAll("button.thing");
    if (only.length === 1) take(only[0].dataset.id, only[0].dataset.name); else find();
  });
  button.addEventListener("click", (event) => { event.preventDefault(); find(); });
  place.addEventListener("click", (event) => {
    const chosen = event.target.closest("button.thing");
    if (!chosen) return;
    event.preventDefault();
    take(chosen.dataset.id, chosen.dataset.name || chosen.dataset.id);
  });
}
