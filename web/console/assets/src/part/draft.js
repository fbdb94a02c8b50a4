// What somebody has typed outlives the end of his session: it is kept by the tab while a form is sent, and put back after the log-in. Passwords,
// secrets and files are never kept. And a form is sent once, however often its button is pressed.
const key = "todosync-draft";
const life = 30 * 60e3;

const address = () => location.pathname + location.search;
const page = () => document.documentElement;

const told = (el) => el.name && !el.disabled && !["password", "file", "hidden", "submit", "button"].includes(el.type) && el.tagName !== "BUTTON" && el.autocomplete !== "one-time-code";

// forms are those of the page that send something, with the same action; the one that was sent is found again by its place among them.
const alike = (action) => [...document.forms].filter((f) => f.method === "post" && f.getAttribute("action") === action);

export function keep(form) {
  const fields = [...form.elements].filter(told).map((el) => ({ name: el.name, value: el.value, on: el.type === "checkbox" || el.type === "radio" ? el.checked : undefined }));
  const draft = { at: Date.now(), who: page().dataset.who, page: address(), action: form.getAttribute("action"), place: alike(form.getAttribute("action")).indexOf(form), fields };
  try { sessionStorage.setItem(key, JSON.stringify(draft)); } catch { /* a tab without storage, or a form too large for it */ }
}

const read = () => { try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; } };

function restore(draft) {
  const form = alike(draft.action)[draft.place] ?? alike(draft.action)[0];
  if (!form) return false;
  const seen = {};
  let changed = false;
  for (const f of draft.fields) {
    const all = [...form.elements].filter((el) => told(el) && el.name === f.name);
    const el = f.on === undefined ? all[(seen[f.name] = (seen[f.name] ?? -1) + 1)] : all.find((one) => one.value === f.value);
    if (!el) continue;
    if (f.on !== undefined) { changed ||= el.checked !== f.on; el.checked = f.on; } else { changed ||= el.value !== f.value; el.value = f.value; }
    el.dispatchEvent(new Event("input", { bubbles: true }));
    el.dispatchEvent(new Event("change", { bubbles: false }));
  }
  form.closest("dialog")?.showModal();
  for (let d = form.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
  (form.querySelector("button.primary, button:not([type=button])") ?? form).focus?.({ preventScroll: false });
  return changed || draft.fields.length > 0;
}

// begin looks, on every page, whether a draft waits: the log-in says that it does, any other page that it was carried out.
export function begin(say) {
  const draft = read();
  if (!draft) return;
  if (Date.now() - draft.at > life) return sessionStorage.removeItem(key);
  if (page().dataset.porch !== undefined) {
    draft.waits = true;
    sessionStorage.setItem(key, JSON.stringify(draft));
    return;
  }
  sessionStorage.removeItem(key);
  if (draft.waits && draft.who === page().dataset.who && draft.page === address() && restore(draft)) say(document.getElementById("notice")?.dataset.back);
}

document.addEventListener("submit", (e) => {
  const form = e.target;
  if (e.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) { e.preventDefault(); return; }
  form.dataset.sent = "1";
  const button = e.submitter;
  button?.setAttribute("aria-disabled", "true");
  const free = () => { delete form.dataset.sent; button?.removeAttribute("aria-disabled"); };
  setTimeout(free, 20e3); // an answer that is a file leaves the page as it is
  addEventListener("pageshow", free, { once: true });
  if (page().dataset.porch === undefined && form.getAttribute("action") !== "/logout") keep(form);
});
