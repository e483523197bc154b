// Shows each new hit as it is raised. The server sends hits as finished, escaped pieces of this page.
"use strict";

const TRY_AGAIN_MS = 5000;
const ACTIVE_EVERY_MS = 60000;
const SHOWN_AT_MOST = 200;

const list = document.getElementById("alerts");
const link = document.getElementById("link");
let after = list.dataset.after;
const idleMs = Number(list.dataset.idleS) * 1000;
let reported = Date.now();
let used = Date.now();

function say(text, broken) {
  link.textContent = text;
  link.classList.toggle("broken", broken);
}

function add(event) {
  after = event.lastEventId || after;
  const piece = document.createElement("template");
  piece.innerHTML = event.data;
  addLocalTimes(piece.content);
  list.prepend(piece.content);
  while (list.childElementCount > SHOWN_AT_MOST) {
    list.lastElementChild.remove();
  }
  document.getElementById("none")?.remove();
}

function listen() {
  const source = new EventSource(`${list.dataset.stream}?after=${encodeURIComponent(after)}`);
  source.addEventListener("ready", () => say("Connected: new alerts appear here by themselves.", false));
  source.addEventListener("alert", add);
  // The account could not be checked for a while: alerts go on as long as the policy lets them.
  source.addEventListener("unchecked", (event) => say(`Your account cannot be checked now: ${JSON.parse(event.data).detail}`, true));
  source.addEventListener("checked", () => say("Connected: new alerts appear here by themselves.", false));
  // The service ends the stream with a problem: `code` for this program, `detail` for people.
  source.addEventListener("end", (event) => {
    const problem = JSON.parse(event.data);
    if (problem.code === "token_expired") {
      return; // the console gets a new token when the browser reconnects
    }
    if (problem.code === "alert_stream_replaced") {
      // Reconnecting would end the stream of another window, which would reconnect in turn.
      source.close();
      say("No alerts: they are open in other windows. Close some, then load this page again.", true);
      return;
    }
    say(`No alerts: ${problem.detail}`, true);
  });
  source.addEventListener("signed-out", () => {
    source.close();
    location.assign(list.dataset.signedOut);
  });
  source.addEventListener("error", () => {
    if (!link.textContent.startsWith("No alerts:")) {
      say("Connection lost; trying again. No new alerts until it is back.", true);
    }
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(listen, TRY_AGAIN_MS);
    }
  });
}

// Watching alerts is use of the page only while somebody is there.
function active() {
  used = Date.now();
  if (Date.now() - reported < ACTIVE_EVERY_MS) {
    return;
  }
  reported = Date.now();
  const form = new URLSearchParams([[list.dataset.field, list.dataset.token]]);
  fetch(list.dataset.active, { method: "POST", body: form }).catch(() => {});
}

for (const kind of ["keydown", "pointerdown", "pointermove", "scroll"]) {
  document.addEventListener(kind, active, { passive: true });
}
// Also when the server cannot be reached: what is on the screen goes.
setInterval(() => {
  if (Date.now() - used > idleMs) {
    location.assign(list.dataset.signedOut);
  }
}, 15000);

say("Connecting…", false);
listen();
