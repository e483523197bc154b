// Calls an officer who looks elsewhere: a sound for urgent alerts, those of their own entries and doubts of one that they
// have, and notifications. Each is off until turned on here.
"use strict";

const CHIMES_APART_MS = 3000;
// When each tone begins, in seconds, and its pitch in hertz.
const TONES = [[0, 880], [0.2, 660], [0.4, 880]];
const TONE_S = 0.16;
const LOUDNESS = 0.4;

const soundButton = document.getElementById("sound");
const soundState = document.getElementById("sound-state");
const notifyButton = document.getElementById("notify");
const notifyState = document.getElementById("notify-state");
let audio = null;
let chimedAt = 0;
let notifies = false;
let notice = null;

// The browser keeps nothing but whether each is on.
function isOn(name) {
  try {
    return localStorage.getItem(`plateward-${name}`) === "on";
  } catch {
    return false;
  }
}

function keep(name, on) {
  try {
    if (on) {
      localStorage.setItem(`plateward-${name}`, "on");
    } else {
      localStorage.removeItem(`plateward-${name}`);
    }
  } catch {
    // A browser that stores nothing asks again on the next page.
  }
}

function chime() {
  if (audio === null || audio.state !== "running" || Date.now() - chimedAt < CHIMES_APART_MS) {
    return;
  }
  chimedAt = Date.now();
  for (const [after, pitch] of TONES) {
    const begin = audio.currentTime + after;
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0, begin);
    volume.gain.linearRampToValueAtTime(LOUDNESS, begin + 0.02);
    volume.gain.linearRampToValueAtTime(0, begin + TONE_S);
    tone.connect(volume).connect(audio.destination);
    tone.start(begin);
    tone.stop(begin + TONE_S);
  }
}

function showSound() {
  soundButton.textContent = audio === null ? "Turn the sound on" : "Turn the sound off";
  if (audio === null) {
    soundState.textContent = "No alert makes a sound.";
  } else if (audio.state === "running") {
    soundState.textContent = "A sound calls you to alerts of high priority, of plates that you listed, and to doubts of one that you have.";
  } else {
    soundState.textContent = "The browser holds the sound back until you click or press a key on this page.";
  }
}

function openSound() {
  audio = new AudioContext();
  audio.addEventListener("statechange", showSound);
}

async function switchSound() {
  if (audio === null) {
    openSound();
    await audio.resume();
    chime();
  } else {
    audio.close();
    audio = null;
  }
  keep("sound", audio !== null);
  showSound();
}

// A browser lets a page make a sound only once a person has used it.
function wakeSound(event) {
  if (audio?.state === "suspended" && !soundButton.contains(event.target)) {
    audio.resume();
  }
}

function showNotify() {
  notifyButton.textContent = notifies ? "Turn notifications off" : "Turn notifications on";
  notifyState.textContent = notifies
    ? "A notification says that there is an alert, and nothing of the vehicle, while you look elsewhere."
    : "No notification is shown.";
}

async function switchNotify() {
  const answer = notifies ? "off" : await Notification.requestPermission();
  notifies = answer === "granted";
  keep("notifications", notifies);
  showNotify();
  if (answer === "denied" || answer === "default") {
    notifyState.textContent = "The browser does not allow notifications of this site. Its settings can allow them.";
  }
}

// Passers-by may read it on a locked screen: no plate, no place, no kind of record.
function notify(urgent, isChanged) {
  if (!notifies || (document.visibilityState === "visible" && document.hasFocus())) {
    return;
  }
  try {
    const text = `${inWords(unseen.size, urgentUnseen().length)}. Open the page Alerts to read.`;
    const title = isChanged ? "An alert that you have has changed" : "New alert";
    notice = new Notification(title, { body: text, tag: "plateward-alerts", renotify: urgent });
    notice.addEventListener("click", () => window.focus());
  } catch {
    notifies = false; // as on a phone, where only a service worker may
    notifyState.textContent = "This browser shows no notifications of an open page.";
  }
}

function callOfficer(card, isChanged) {
  if (isChanged || isUrgent(card) || card.classList.contains("own-entry")) {
    chime();
  }
  notify(isChanged || isUrgent(card), isChanged);
}

if (isOn("sound")) {
  openSound();
}
if ("Notification" in window) {
  notifies = isOn("notifications") && Notification.permission === "granted";
  notifyButton.addEventListener("click", switchNotify);
  showNotify();
} else {
  notifyButton.hidden = true;
  notifyState.textContent = "This browser has no notifications.";
}
soundButton.addEventListener("click", switchSound);
cards.addEventListener("allseen", () => notice?.close());
for (const kind of ["pointerdown", "keydown"]) {
  document.addEventListener(kind, wakeSound);
}
showSound();
document.getElementById("attention").hidden = false;
