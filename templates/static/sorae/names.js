/* Gives a name to what Django's admin leaves without one: the two fields of a moment, the head of a first column, the signs beside a search. */
"use strict";
const named = () => {
  for (const moment of document.querySelectorAll("p.datetime")) {
    const words = moment.closest(".form-row")?.querySelector("label, legend")?.textContent.trim() ?? "";
    const parts = { vDateField: "date", vTimeField: "time" };
    for (const [kind, part] of Object.entries(parts)) {
      moment.querySelector(`.${kind}`)?.setAttribute("aria-label", `${words} ${part}`);
    }
  }
  for (const head of document.querySelectorAll("th.original:empty")) {
    head.append(Object.assign(document.createElement("span"), { className: "visually-hidden", textContent: "Row" }));
  }
  for (const sign of document.querySelectorAll("span.search-label-icon[aria-label]")) { sign.setAttribute("role", "img"); }
};
window.addEventListener("load", named);
