// Warns a minute before the idle end, with a way to stay signed in (WCAG 2.2.1), and leaves the page at the end.
"use strict";

const WARN_BEFORE_MS = 60000;

const idle = document.getElementById("idle");
const left = document.getElementById("idle-left");
const idleFault = document.getElementById("idle-fault");
const limitMs = Number(idle.dataset.idleS) * 1000;
// The session is one for all windows: one in which a person types is not to leave its page while they use another.
const windows = new BroadcastChannel("plateward-use");
let usedAt = Date.now();

function noteUse() {
  usedAt = Date.now();
  idleFault.textContent = "";
  if (idle.open) {
    idle.close();
  }
}

// Call it for each request that counts as use of the session.
function stayed() {
  noteUse();
  windows.postMessage("used");
}

function checkIdle() {
  const leftMs = usedAt + limitMs - Date.now();
  if (leftMs <= 0) {
    location.assign(idle.dataset.end);
  } else if (leftMs <= WARN_BEFORE_MS) {
    left.textContent = `${Math.ceil(leftMs / 1000)} s`;
    if (!idle.open) {
      idle.showModal();
    }
  }
}

async function stay() {
  const form = new URLSearchParams([[idle.dataset.field, idle.dataset.token]]);
  let answer;
  try {
    answer = await fetch(idle.dataset.active, { method: "POST", body: form });
  } catch {
    idleFault.textContent = "The console cannot be reached. Try again.";
    return;
  }
  if (answer.ok) {
    stayed();
  } else {
    location.assign(idle.dataset.end);
  }
}

document.getElementById("idle-stay").addEventListener("click", stay);
// Escape means to stay, too: a closed warning would open again a second later.
idle.addEventListener("cancel", (event) => {
  event.preventDefault();
  stay();
});
windows.addEventListener("message", noteUse);
if ("used" in idle.dataset) {
  stayed(); // the console counted the request for this page
}
setInterval(checkIdle, 1000);
