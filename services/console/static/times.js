// Adds the browser's local time to each time on the page; the records themselves are in UTC.
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
