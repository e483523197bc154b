// Knows which alerts were not looked at yet: counts them in the title, and keeps urgent ones above others.
"use strict";

const URGENT = "high";
// An alert counts as seen once it was in view so long, and a person used the page meanwhile.
const SEEN_AFTER_MS = 2000;
// Numbers of alerts only, so that the count outlasts a look at a hit: no plate is ever stored in a browser.
const LEFT_UNSEEN = "plateward-unseen-alerts";

const cards = document.getElementById("alerts");
const plainTitle = document.title;
const bar = document.getElementById("unseen");
const barText = document.getElementById("unseen-text");
const unseen = new Map(); // each card with the moment since which it is in view, 0 for one out of view
let newest = Number(cards.dataset.after);
let actedAt = 0;

function isUrgent(card) {
  return card.classList.contains(URGENT);
}

function urgentUnseen() {
  return [...cards.children].filter((card) => unseen.has(card) && isUrgent(card));
}

function inWords(count, urgent) {
  const isChanged = [...unseen.keys()].some((card) => card.dataset.mark === "changed");
  const all = `${count} new ${isChanged ? "or changed " : ""}${count === 1 ? "alert" : "alerts"}`;
  return urgent ? `${all}, ${urgent} of high priority` : all;
}

function showCount() {
  document.title = unseen.size ? `(${unseen.size}) ${plainTitle}` : plainTitle;
  bar.hidden = unseen.size === 0;
  if (bar.hidden) {
    cards.dispatchEvent(new Event("allseen"));
  }
  barText.textContent = inWords(unseen.size, urgentUnseen().length);
  try {
    const left = [...unseen.keys()].map((card) => Number(card.dataset.seq));
    sessionStorage.setItem(LEFT_UNSEEN, JSON.stringify({ newest, left }));
  } catch {
    // A browser that stores nothing counts from each load of the page.
  }
}

function markUnseen(card, mark = "new") {
  unseen.set(card, 0);
  card.dataset.mark = mark;
  const badge = document.createElement("strong");
  badge.className = "badge new";
  badge.textContent = mark;
  card.classList.add("unseen");
  card.querySelector(".state").append(badge);
}

function markSeen(card) {
  unseen.delete(card);
  card.classList.remove("unseen");
  card.querySelector(".badge.new").remove();
}

// The card at the top of the window, or the one with the focus; none while new alerts appear in view anyway.
function cardBeingRead() {
  if (cards.getBoundingClientRect().top < 0) {
    return [...cards.children].find((card) => card.getBoundingClientRect().bottom > 0);
  }
  return document.activeElement?.closest("#alerts > article");
}

// Changes the list of cards, while what is being read stays in its place.
function inPlace(change) {
  const reading = cardBeingRead();
  const top = reading?.getBoundingClientRect().top;
  change();
  if (reading) {
    scrollBy(0, reading.getBoundingClientRect().top - top);
  }
}

// An urgent alert comes first, another one below the urgent ones that are unseen. A card that is there moves.
function addUnseen(card, mark) {
  inPlace(() => {
    const above = isUrgent(card) ? undefined : urgentUnseen().at(-1);
    cards.insertBefore(card, above ? above.nextElementSibling : cards.firstElementChild);
    newest = Math.max(newest, Number(card.dataset.seq));
    if (!unseen.has(card)) {
      markUnseen(card, mark);
    }
    showCount();
  });
}

// Shows in a card what its hit is now. The card stays the same element: its place, its picture, whether it was seen.
function renew(card, now) {
  inPlace(() => {
    const focused = card.contains(document.activeElement) ? document.activeElement.tagName : null;
    const picture = card.querySelector("img");
    if (picture) {
      now.querySelector("img")?.replaceWith(picture);
    }
    card.className = now.className;
    card.replaceChildren(...now.childNodes);
    if (unseen.has(card)) {
      markUnseen(card, card.dataset.mark);
    }
    if (focused) {
      card.querySelector(focused)?.focus({ preventScroll: true });
    }
  });
}

// The oldest card that was seen makes room, and an unseen one only if all are unseen.
function dropBeyond(most) {
  while (cards.childElementCount > most) {
    const card = [...cards.children].findLast((one) => !unseen.has(one)) ?? cards.lastElementChild;
    unseen.delete(card);
    card.remove();
  }
}

function isInView(card) {
  const heading = card.querySelector("h2").getBoundingClientRect();
  return document.visibilityState === "visible" && heading.top >= 0 && heading.bottom <= innerHeight;
}

function noteSeen() {
  const now = Date.now();
  const before = unseen.size;
  for (const [card, since] of unseen) {
    if (!isInView(card)) {
      unseen.set(card, 0);
    } else if (since === 0) {
      unseen.set(card, now);
    } else if (now - since >= SEEN_AFTER_MS && actedAt >= since) {
      markSeen(card);
    }
  }
  if (unseen.size !== before) {
    showCount();
  }
}

function acted() {
  actedAt = Date.now();
}

function showFirst() {
  const [card] = [...urgentUnseen(), ...unseen.keys()];
  card?.scrollIntoView();
  card?.querySelector("a").focus({ preventScroll: true });
}

// Alerts that came, or stayed unseen, while another page was open in this window.
function restore() {
  let stored = null;
  try {
    stored = JSON.parse(sessionStorage.getItem(LEFT_UNSEEN));
  } catch {
    stored = null;
  }
  for (const card of stored === null ? [] : cards.children) {
    const seq = Number(card.dataset.seq);
    if (card.classList.contains("unverified") && (seq > stored.newest || stored.left.includes(seq))) {
      markUnseen(card);
    }
  }
  cards.prepend(...urgentUnseen());
  showCount();
}

for (const kind of ["keydown", "pointerdown", "pointermove", "wheel"]) {
  document.addEventListener(kind, acted, { passive: true });
}
window.addEventListener("focus", acted);
cards.addEventListener("click", (event) => {
  const card = event.target.closest("a")?.closest("article");
  if (unseen.has(card)) {
    markSeen(card);
    showCount();
  }
});
document.getElementById("unseen-show").addEventListener("click", showFirst);
setInterval(noteSeen, 500);
restore();
