// Adds the browser's local time to each time on the page, and fills in its day; the records themselves are in UTC.
"use strict";

function addLocalTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(time.dateTime);
    if (at.getTimezoneOffset() !== 0) {
      time.append(` (${at.toLocaleString([], { dateStyle: "medium", timeStyle: "medium" })} here)`);
    }
    time.dataset.local = "yes";
  }
}

addLocalTimes(document);

// Only the browser knows which day it is here: in an American evening it is the next day in UTC.
for (const field of document.querySelectorAll("input[data-today]")) {
  const now = new Date();
  const parts = [now.getFullYear(), now.getMonth() + 1, now.getDate()];
  const here = parts.map((part) => String(part).padStart(2, "0")).join("-");
  field.value ||= here < field.max ? here : field.max;
}
