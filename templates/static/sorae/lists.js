/* Searches a set of choices while one types. Without it, the button beside the field does the same. */
"use strict";
const PAUSE = 150;
for (const field of document.querySelectorAll("input[data-lists]")) {
  const choices = document.getElementById(field.dataset.filters);
  const found = choices.querySelector(".found");
  let timer, latest = 0;
  const search = async () => {
    const mine = ++latest;
    const chosen = choices.querySelector("input:checked")?.value ?? "";
    const query = new URLSearchParams({ name: field.dataset.name, words: field.value.trim(), chosen });
    const answer = await fetch(`${field.dataset.lists}?${query}`, { redirect: "error" }).catch(() => null);
    if (answer?.ok) {
      const html = await answer.text();
      if (mine === latest) { found.innerHTML = html; }
    }
  };
  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, PAUSE); });
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); field.nextElementSibling.click(); } });
}
