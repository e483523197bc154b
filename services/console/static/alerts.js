// Shows each new hit as it is raised. The server sends hits as finished, escaped pieces of this page.
"use strict";

const TRY_AGAIN_MS = 5000;
const ACTIVE_EVERY_MS = 60000;
// Hotlist sends a sign of life every 4 s (`hotlist_heartbeat_s`); a link that is silent for longer is dead.
const SILENT_AT_MOST_MS = 12000;
const CONNECTED = "Connected: new alerts appear here by themselves.";
const LOST = "Connection lost; trying again. No new alerts until it is back.";
const SHOWN_AT_MOST = 200;
const OVERDUE = ["unanswered", "unfinished"];

const list = document.getElementById("alerts");
const link = document.getElementById("link");
let after = list.dataset.after;
let reported = Date.now();
let heard = Date.now();
let stream = null;

function say(text, broken) {
  link.textContent = text;
  link.classList.toggle("broken", broken);
}

function cardIn(event) {
  after = event.lastEventId || after;
  const piece = document.createElement("template");
  piece.innerHTML = event.data;
  addLocalTimes(piece.content);
  return piece.content.querySelector("article");
}

function announce(card, isChanged = false) {
  document.getElementById("none")?.remove();
  addUnseen(card, isChanged ? "changed" : "new");
  dropBeyond(SHOWN_AT_MOST);
  callOfficer(card, isChanged);
}

function doubtsOf(card) {
  return [...card.querySelectorAll(".doubt")].map((one) => one.textContent);
}

// Whether the viewer has this alert, and a doubt of it came or reads otherwise since the card was shown.
function isDoubted(card, now) {
  if (!card?.classList.contains("taken") || !now.classList.contains("unverified")) {
    return false;
  }
  const before = doubtsOf(card);
  return doubtsOf(now).some((one) => !before.includes(one));
}

function add(event) {
  announce(cardIn(event));
}

// Something of a hit changed after its alert: who has it, what a person found, its entry. An urgent one that no one has
// taken in time, or of which nothing was recorded since, is announced once more, also if this page has no card of it.
// So is one that the viewer has, if what they may be driving to is in doubt now.
function change(event) {
  const now = cardIn(event);
  const card = [...list.children].find((one) => one.dataset.seq === now.dataset.seq);
  const isOverdue = OVERDUE.some((one) => now.classList.contains(one) && !card?.classList.contains(one));
  const isInDoubt = isDoubted(card, now);
  if (card) {
    renew(card, now);
  }
  if (isOverdue || isInDoubt) {
    announce(card ?? now, isInDoubt);
  }
}

// The stream shows who has an alert, on this page as on all others, so the page stays as it is.
async function acknowledge(event) {
  const form = event.target.closest("form.acknowledge");
  if (form === null || event.submitter === null) {
    return;
  }
  event.preventDefault();
  event.submitter.disabled = true;
  const body = new URLSearchParams(new FormData(form));
  body.set(event.submitter.name, event.submitter.value);
  try {
    const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" });
    if (answer.type === "opaqueredirect") {
      return;
    }
  } catch {
    // The line is out: the button can be pressed again.
  }
  event.submitter.disabled = false;
  const text = form.querySelector("strong") ?? form.appendChild(document.createElement("strong"));
  text.textContent = "That did not reach the others. Try again, or open the hit.";
}

function listen() {
  const source = new EventSource(`${list.dataset.stream}?after=${encodeURIComponent(after)}`);
  stream = source;
  heard = Date.now();
  for (const sign of ["ready", "alive", "alert", "change", "unchecked", "checked", "end"]) {
    source.addEventListener(sign, () => {
      heard = Date.now();
    });
  }
  source.addEventListener("ready", () => say(CONNECTED, false));
  source.addEventListener("alert", add);
  source.addEventListener("change", change);
  // The account could not be checked for a while: alerts go on as long as the policy lets them.
  source.addEventListener("unchecked", (event) => say(`Your account cannot be checked now: ${JSON.parse(event.data).detail}`, true));
  source.addEventListener("checked", () => say(CONNECTED, false));
  // The service ends the stream with a problem: `code` for this program, `detail` for people.
  source.addEventListener("end", (event) => {
    const problem = JSON.parse(event.data);
    if (problem.code === "token_expired") {
      return; // the console gets a new token when the browser reconnects
    }
    if (problem.code === "alert_stream_replaced") {
      // Reconnecting would end the stream of another window, which would reconnect in turn.
      source.close();
      stream = null;
      say("No alerts: they are open in other windows. Close some, then load this page again.", true);
      return;
    }
    say(`No alerts: ${problem.detail}`, true);
  });
  source.addEventListener("signed-out", () => {
    source.close();
    stream = null;
    location.assign(list.dataset.signedOut);
  });
  source.addEventListener("error", () => {
    if (!link.textContent.startsWith("No alerts:")) {
      say(LOST, true);
    }
    if (source.readyState === EventSource.CLOSED && stream === source) {
      stream = null;
      setTimeout(listen, TRY_AGAIN_MS);
    }
  });
}

// A link can be dead without an error, as that of a car out of coverage.
function watchLink() {
  if (stream === null || Date.now() - heard <= SILENT_AT_MOST_MS) {
    return;
  }
  stream.close();
  say(LOST, true);
  listen();
}

// Watching alerts is use of the page only while somebody is there.
function active() {
  if (Date.now() - reported < ACTIVE_EVERY_MS) {
    return;
  }
  reported = Date.now();
  stayed();
  const form = new URLSearchParams([[list.dataset.field, list.dataset.token]]);
  fetch(list.dataset.active, { method: "POST", body: form }).catch(() => {});
}

// Not "scroll": the page scrolls by itself, to keep what is being read in its place when an alert arrives.
for (const kind of ["keydown", "pointerdown", "pointermove", "wheel"]) {
  document.addEventListener(kind, active, { passive: true });
}
list.addEventListener("submit", acknowledge);
setInterval(watchLink, 1000);

say("Connecting…", false);
listen();
