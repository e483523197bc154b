// Asks the browser for a security key's answer, or for a new key, and sends it with the form (WebAuthn, 5).
"use strict";

const keyForm = document.querySelector("form[data-key]");
const keyButton = document.getElementById("use-key");
const keyFault = document.getElementById("key-fault");

const bytesOf = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));

function textOf(buffer) {
  const plain = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return plain.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// Returns a challenge of identity, or null once it has said why there is none.
async function challenge() {
  const token = keyForm.elements[keyForm.dataset.field].value;
  try {
    const answer = await fetch(keyForm.dataset.challenge, {
      method: "POST",
      body: new URLSearchParams([[keyForm.dataset.field, token]]),
    });
    const issued = await answer.json();
    if (answer.ok) {
      return issued;
    }
    keyFault.textContent = issued.fault;
  } catch {
    keyFault.textContent = "No challenge came for your key. Load this page again.";
  }
  return null;
}

async function answerOf(issued) {
  const { rawId, response } = await navigator.credentials.get({
    publicKey: {
      challenge: bytesOf(issued.challenge),
      rpId: issued.relying_party,
      // The password is the other factor; but keys that have a PIN hide what is stored on them without it.
      userVerification: "preferred",
    },
  });
  return {
    credential_id: textOf(rawId),
    client_data: textOf(response.clientDataJSON),
    authenticator_data: textOf(response.authenticatorData),
    signature: textOf(response.signature),
  };
}

async function made(offer) {
  const { response } = await navigator.credentials.create({
    publicKey: {
      challenge: bytesOf(offer.challenge),
      rp: { id: offer.relying_party, name: offer.department },
      user: { id: bytesOf(offer.user_handle), name: offer.username, displayName: offer.name },
      pubKeyCredParams: offer.algorithms.map((alg) => ({ type: "public-key", alg })),
      excludeCredentials: offer.known.map((id) => ({ type: "public-key", id: bytesOf(id) })),
      // The key names its person at sign-in, where nobody is told who has one.
      authenticatorSelection: { residentKey: "required", userVerification: "preferred" },
      attestation: "none",
    },
  });
  return { client_data: textOf(response.clientDataJSON), attestation: textOf(response.attestationObject) };
}

function why(error, host) {
  if (error.name === "InvalidStateError") {
    return "This security key is stored already. Use another one.";
  }
  if (error.name === "SecurityError") {
    return `Security keys work at ${host} only; this page has another address.`;
  }
  return "No security key answered. Try again, and touch it when it blinks.";
}

async function useKey() {
  keyFault.textContent = "";
  const code = keyForm.elements.totp;
  if (code) {
    code.required = false; // the key stands in for it
  }
  if (!keyForm.reportValidity()) {
    return;
  }
  const offer = keyForm.dataset.offer && JSON.parse(keyForm.dataset.offer);
  const issued = offer || (await challenge());
  if (!issued) {
    return;
  }
  keyButton.disabled = true;
  try {
    const given = offer ? await made(offer) : await answerOf(issued);
    keyForm.elements.security_key.value = JSON.stringify(given);
  } catch (error) {
    keyFault.textContent = why(error, issued.relying_party);
    return;
  } finally {
    keyButton.disabled = false;
  }
  if (code) {
    code.value = "";
  }
  keyForm.requestSubmit();
}

// Enter in a form whose only second factor is a key sends nothing before there is one.
keyForm.addEventListener("submit", (event) => {
  if (!keyForm.elements.totp && !keyForm.elements.security_key.value) {
    event.preventDefault();
    useKey();
  }
});

if (window.PublicKeyCredential) {
  keyButton.hidden = false;
  keyButton.addEventListener("click", useKey);
} else {
  keyFault.textContent = keyFault.dataset.without;
}
// Whoever goes on by code after all has to type one.
keyForm.elements.totp?.addEventListener("input", () => {
  keyForm.elements.totp.required = true;
  keyForm.elements.security_key.value = "";
});
