// A form with data-progress is sent by the script, and hears in lines of JSON how far it is: {"done", "total"}, then {"to"} or {"problem"}. Where
// that does not work the form is sent as any other.
import { keep } from "./draft.js";
import { lost, say } from "./notice.js";

async function send(form) {
  const box = form.querySelector("[data-progress-line]");
  const bar = box.querySelector("progress");
  const text = box.querySelector("[role=status]");
  const buttons = [...form.querySelectorAll("button")];
  const number = new Intl.NumberFormat(document.documentElement.lang);
  box.hidden = false;
  bar.removeAttribute("value");
  text.textContent = form.dataset.wait ?? "";
  buttons.forEach((b) => { b.disabled = true; });
  const free = () => { box.hidden = true; buttons.forEach((b) => { b.disabled = false; }); };
  try {
    const multipart = form.enctype === "multipart/form-data";
    const body = multipart ? new FormData(form) : new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/x-ndjson" } });
    if (answer.redirected) { keep(form); location.href = answer.url; return; } // the session is over
    if (!answer.headers.get("Content-Type")?.startsWith("application/x-ndjson")) { form.submit(); return; }
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines.filter(Boolean).map((l) => JSON.parse(l))) {
        if (line.total) {
          bar.max = line.total;
          bar.value = line.done;
          text.textContent = `${form.dataset.wait ?? ""} ${number.format(line.done)} / ${number.format(line.total)}`;
        }
        if (line.problem) { free(); say(line.problem, "bad"); scrollTo(0, 0); return; }
        if (line.to) { location.href = line.to; return; }
      }
    }
    free();
    lost(false);
  } catch {
    free();
    lost(false);
  }
}

document.addEventListener("submit", (e) => {
  if (!e.target.matches("form[data-progress]") || e.defaultPrevented) return;
  e.preventDefault();
  send(e.target);
}, true);
