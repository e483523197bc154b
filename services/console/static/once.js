// Sends each form once: with a second click the browser would drop the answer to the first, which may show a credential
// or an invitation only once, and the service would act twice.
"use strict";

function sendOnce(event) {
  const form = event.target;
  // A form that saves a file stays on its page.
  if (event.defaultPrevented || form.method !== "post" || "saves" in form.dataset) {
    return;
  }
  if (!("sent" in form.dataset)) {
    form.dataset.sent = "yes";
    return;
  }
  event.preventDefault();
  if (!form.querySelector(".sent")) {
    const text = document.createElement("p");
    text.className = "notice sent";
    text.setAttribute("role", "status");
    text.textContent = "It is sent already. Wait for the answer; if none comes, load this page again.";
    form.append(text);
  }
}

document.addEventListener("submit", sendOnce);
// A page that the browser shows again as it was left has sent nothing since.
window.addEventListener("pageshow", (event) => {
  for (const form of event.persisted ? document.forms : []) {
    delete form.dataset.sent;
    form.querySelector(".sent")?.remove();
  }
});
