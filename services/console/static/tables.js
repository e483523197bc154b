// In a narrow window each row of a table stands as a card, whose cells say what their column is.
"use strict";

const ROLES = { THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TH: "columnheader", TD: "cell" };

for (const table of document.querySelectorAll(".scroll > table")) {
  const names = [...table.querySelectorAll("thead th")].map((head) => head.textContent);
  // Laid out as blocks, it would be no table any more to whoever has it read aloud.
  table.setAttribute("role", "table");
  for (const part of table.querySelectorAll("thead, tbody, tr, th, td")) {
    part.setAttribute("role", ROLES[part.tagName]);
  }
  for (const row of table.tBodies[0].rows) {
    [...row.cells].forEach((cell, number) => {
      cell.dataset.column = names[number];
    });
  }
  table.classList.add("cards");
}
