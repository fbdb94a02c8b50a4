// What goes wrong with a request that a script has made is said in words, and what stands on the page stays.
const place = () => document.getElementById("notice");
let away = false;

export function say(text, colour = "") {
  const box = place();
  if (!box || !text || box.textContent === text) return;
  const note = document.createElement("div");
  note.className = `note page-notice ${colour}`;
  note.textContent = text;
  box.replaceChildren(note);
}

export function hush() {
  if (!away) return;
  away = false;
  place()?.replaceChildren();
}

const live = (el) => el?.closest?.("[data-live]") === el || el?.hasAttribute?.("data-live");

// The server is being restarted, or the network is away: what renews itself tries again by itself.
export function lost(renews = true) {
  away = true;
  const { lost: waits, unsent } = place()?.dataset ?? {};
  say(renews ? waits : unsent, "warn");
}

document.addEventListener("htmx:sendError", (e) => lost(live(e.detail.elt)));
document.addEventListener("htmx:timeout", (e) => lost(live(e.detail.elt)));
document.addEventListener("htmx:afterRequest", (e) => { if (e.detail.xhr?.status >= 200 && e.detail.xhr.status < 400) hush(); });

// An answer with an error is no reason to take from the page what it showed: the session's end has its own place, what renews itself waits.
document.addEventListener("htmx:beforeSwap", (e) => {
  const { xhr, target, elt } = e.detail;
  if (xhr.status === 401) {
    e.detail.shouldSwap = false;
    away = true;
    if (!place()?.querySelector("a")) place()?.replaceChildren(...new DOMParser().parseFromString(xhr.responseText, "text/html").body.childNodes);
  } else if (xhr.status >= 400 && (live(target) || live(elt))) {
    e.detail.shouldSwap = false;
    lost();
  }
});
