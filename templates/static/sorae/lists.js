/* Narrows a set of choices down while one types. Without it, the button beside the field does the same at the server. */
"use strict";
for (const field of document.querySelectorAll("input[data-filters]")) {
  const choices = document.getElementById(field.dataset.filters).querySelectorAll(".choice:not(.always)");
  const narrow = () => {
    const words = field.value.trim().toLocaleLowerCase();
    for (const choice of choices) {
      const isWanted = choice.textContent.toLocaleLowerCase().includes(words);
      choice.hidden = !isWanted && !choice.querySelector("input").checked;
    }
  };
  field.addEventListener("input", narrow);
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); field.nextElementSibling.click(); } });
}
