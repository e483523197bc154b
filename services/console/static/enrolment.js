// Fills a token in from the part of the link behind "#", which the browser sends to no server (ADR-0045).
"use strict";

const token = document.querySelector("[data-link]");
const given = new URLSearchParams(location.hash.slice(1)).get(token.dataset.link);

if (given) {
  token.value = given;
  // Neither the address bar nor the browser's history is to keep it.
  history.replaceState(null, "", location.pathname);
  document.getElementById(token.dataset.then).focus();
}
