// What every page needs of scripts. Pages work without it: it adds what only a browser can know or do.
import htmx from "htmx.org";
import { begin } from "./part/draft.js";
import "./part/progress.js";
import { lost, hush, say as notice } from "./part/notice.js";

window.htmx = htmx;
window.notice = { lost, hush }; // for the scripts of pages that ask the server themselves

// The reader's zone: the server writes times in it from the next page on, and this page's times are put right now.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && document.documentElement.dataset.zone !== zone) {
  document.cookie = `todosync_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
}
function localTimes(root) {
  if (document.documentElement.dataset.zone === zone) return;
  for (const t of root.querySelectorAll("time[datetime]")) {
    const at = new Date(t.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const p = (n, width = 2) => String(n).padStart(width, "0");
    const day = `${at.getFullYear()}-${p(at.getMonth() + 1)}-${p(at.getDate())}`;
    const clock = `${p(at.getHours())}:${p(at.getMinutes())}:${p(at.getSeconds())}`;
    t.textContent = t.dataset.as === "clock" ? clock : `${day} ${clock}`;
    t.title = t.dateTime;
  }
}

function prepare(root) {
  localTimes(root);
  showDifferences(root);
}
document.addEventListener("DOMContentLoaded", () => {
  prepare(document);
  for (const el of document.querySelectorAll("[data-zone-name]")) el.textContent = zone || el.textContent;
  begin(notice);
  const flash = document.querySelector(".flash");
  if (flash) setTimeout(() => { document.getElementById("live").textContent = flash.textContent; }, 300); // a reader of the screen hears what comes after the page
});
document.addEventListener("htmx:load", (e) => prepare(e.target));

// One listener for all: what an element does stands in its data-do.
document.addEventListener("click", (e) => {
  const el = e.target.closest("[data-do]");
  if (!el) return;
  switch (el.dataset.do) {
    case "menu":
      menu(el, !el.closest(".side").classList.contains("open"));
      break;
    case "open": // a dialog, by its id
      document.getElementById(el.dataset.target)?.showModal();
      e.preventDefault();
      break;
    case "close":
      el.closest("dialog")?.close();
      e.preventDefault();
      break;
    case "copy": {
      const text = el.dataset.text ?? document.getElementById(el.dataset.target)?.textContent ?? "";
      copy(text).then(() => say(el, el.dataset.done));
      break;
    }
    case "all": // ticks all boxes of a table, or none
      for (const box of el.closest("table").querySelectorAll("tbody input[type=checkbox]")) box.checked = el.checked;
      break;
  }
});

function menu(button, open) {
  button.closest(".side").classList.toggle("open", open);
  button.setAttribute("aria-expanded", String(open));
}

// Escape, and a click elsewhere, close the menu and what has dropped down.
function fold(within) {
  for (const d of document.querySelectorAll("details[data-drop][open]")) {
    if (within && d.contains(within)) continue;
    if (d.contains(document.activeElement)) d.querySelector("summary").focus();
    d.open = false;
  }
  const button = document.querySelector(".side.open .menu-button");
  if (button && !(within && within.closest?.(".side"))) {
    if (button.closest(".side").contains(document.activeElement)) button.focus();
    menu(button, false);
  }
}
document.addEventListener("keydown", (e) => { if (e.key === "Escape") fold(); });
document.addEventListener("click", (e) => fold(e.target));

// What is folded is printed, too.
// What an address points at is opened, if it is folded.
const unfold = () => { const at = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1))); const d = at && (at.matches("details") ? at : at.querySelector(":scope > details") ?? at.closest("details")); if (d && !d.open) { d.open = true; at.scrollIntoView(); } };
addEventListener("hashchange", unfold);
unfold();
addEventListener("beforeprint", () => { for (const d of document.querySelectorAll("main details:not([open], [data-drop])")) { d.open = true; d.dataset.folded = ""; } });
addEventListener("afterprint", () => { for (const d of document.querySelectorAll("details[data-folded]")) { d.open = false; delete d.dataset.folded; } });

// A verdict that has changed is said to who cannot see it.
let said = document.querySelector("[data-say]")?.dataset.say;
document.addEventListener("htmx:afterSettle", () => {
  const now = document.querySelector("[data-say]")?.dataset.say;
  if (now && now !== said) document.getElementById("live").textContent = now;
  said = now;
});

// navigator.clipboard is there only over TLS or on localhost.
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

function say(el, text) {
  if (!text) return;
  const before = el.textContent;
  el.textContent = text;
  document.getElementById("live").textContent = text;
  setTimeout(() => { el.textContent = before; }, 1500);
}

// A click on the backdrop closes a dialog, as Escape does.
document.addEventListener("click", (e) => {
  if (e.target instanceof HTMLDialogElement && e.target.open) {
    const b = e.target.getBoundingClientRect();
    if (e.clientX < b.left || e.clientX > b.right || e.clientY < b.top || e.clientY > b.bottom) e.target.close();
  }
});

// A form with data-auto is sent as soon as something in it is chosen.
document.addEventListener("change", (e) => {
  if (e.target instanceof HTMLSelectElement) e.target.closest("form[data-auto]")?.requestSubmit();
});

// What renews itself leaves alone who is just in it, with the keyboard or with marked words; and pages that nobody looks at.
document.addEventListener("htmx:beforeRequest", (e) => {
  const live = e.target.closest?.("[data-live]");
  if (live !== e.target) return;
  const marked = getSelection();
  const busy = live.contains(document.activeElement) || (!marked.isCollapsed && live.contains(marked.anchorNode));
  if (busy || document.hidden) e.preventDefault();
});

// What a page asks for by itself is no use of the session: it ends on a screen that nobody looks at.
document.addEventListener("htmx:configRequest", (e) => {
  if (e.detail.elt.getAttribute("hx-trigger")?.startsWith("every")) e.detail.headers["Todosync-Unattended"] = "1";
});

// "/" goes to the page's search, else to that of all pages, as in other consoles.
document.addEventListener("keydown", (e) => {
  if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, textarea, select, [contenteditable], .cm-editor")) return;
  const search = [...document.querySelectorAll("main [data-search]")].find((x) => x.offsetParent) ?? document.querySelector("[data-find]");
  if (!search) return;
  const button = document.querySelector(".menu-button");
  if (search.matches("[data-find]") && button?.offsetParent) menu(button, true);
  search.focus();
  e.preventDefault();
});

// How a reader likes differences to be shown, he likes it everywhere.
function showDifferences(root) {
  let liked;
  try { liked = localStorage.getItem("todosync-difference"); } catch { /* a browser that keeps nothing */ }
  if (liked) for (const one of root.querySelectorAll("[data-diff-view]")) one.checked = one.value === liked;
}
document.addEventListener("change", (e) => {
  if (!e.target.matches?.("[data-diff-view]")) return;
  try { localStorage.setItem("todosync-difference", e.target.value); } catch { /* none */ }
  showDifferences(document);
});
