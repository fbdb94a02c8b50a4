// Sync records as they change: rows in place, new ones counted until they are wanted; one record's page anew; how long until the next try.
const table = document.querySelector("table[data-live]");
const record = document.querySelector("[data-record]");

// A stream is open only while its page is looked at: a browser has six connections to a host. It begins where the page was read (after=), and a
// browser that comes back says up to where it has heard; whoever can't be told what he missed gets a gap, and reads again.
function follow(address, onRecord, onGap) {
  let source, timer, wait = 1000, heard = Date.now();
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource(address);
    source.addEventListener("record", (e) => { wait = 1000; onRecord(JSON.parse(e.data)); });
    source.addEventListener("gap", onGap);
    source.addEventListener("error", () => {
      if (source?.readyState !== EventSource.CLOSED) return; // the browser comes back by itself
      close(); // it was refused: the server is starting, or nobody is signed in any more
      timer = setTimeout(again, wait);
      wait = Math.min(wait * 2, 60000);
    });
  };
  const close = () => { clearTimeout(timer); source?.close(); source = undefined; };
  const again = () => { close(); if (!document.hidden) { open(); onGap(); } };
  document.addEventListener("visibilitychange", () => { if (document.hidden) { close(); } else { again(); } });
  addEventListener("online", again);
  addEventListener("pagehide", close);
  addEventListener("pageshow", (e) => { if (e.persisted) again(); });
  // A machine that slept has connections that are dead without knowing it, and its clock has jumped.
  setInterval(() => { const now = Date.now(); if (now - heard > 30000) again(); heard = now; }, 5000);
  open();
}

if (table) {
  const body = table.tBodies[0];
  const wanted = (set, value) => !set || set.split(",").includes(value);
  const changed = new Set();
  const fresh = new Set();
  let timer;
  const news = document.getElementById("news");
  const tellNews = () => {
    const link = news.querySelector("a");
    link.textContent = `${fresh.size} ${link.dataset.text}`;
    news.hidden = fresh.size === 0;
    if (fresh.size) document.getElementById("live").textContent = link.textContent;
  };
  const refresh = async () => {
    timer = undefined;
    const ids = [...changed].slice(0, 60);
    ids.forEach((id) => changed.delete(id));
    const answer = await fetch(`/records/rows?id=${ids.join(",")}`, { headers: { "HX-Request": "true", "Todosync-Unattended": "1" } }).catch(() => undefined);
    if (answer?.ok) {
      const made = document.createElement("template");
      made.innerHTML = await answer.text();
      for (const row of made.content.querySelectorAll("tr[data-id]")) {
        const old = body.querySelector(`tr[data-id="${CSS.escape(row.dataset.id)}"]`);
        if (!old) continue;
        const box = old.querySelector("input[type=checkbox]");
        const focused = old.contains(document.activeElement) ? document.activeElement.tagName : "";
        if (box?.checked) row.querySelector("input[type=checkbox]").checked = true;
        old.replaceWith(row);
        row.classList.add("fresh");
        if (focused) row.querySelector(focused.toLowerCase())?.focus();
        row.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true }));
      }
    }
    if (changed.size) timer = setTimeout(refresh, 1000);
  };
  const oldest = () => body.rows[body.rows.length - 1]?.dataset.id ?? "";
  const look = (id) => { changed.add(id); timer ??= setTimeout(refresh, 600); };
  // Something was missed: the page is read again. Its rows are put in place, those that are new are counted, and what left the page is looked at.
  let reading = false;
  const reread = async () => {
    if (reading) return;
    reading = true;
    const answer = await fetch(location.href, { headers: { "Todosync-Unattended": "1" } }).catch(() => undefined).finally(() => { reading = false; });
    if (!answer?.ok) return;
    if (answer.redirected) { location.reload(); return; } // nobody is signed in any more
    const then = new DOMParser().parseFromString(await answer.text(), "text/html");
    const rows = new Map([...then.querySelectorAll("table[data-live] tr[data-id]")].map((row) => [row.dataset.id, row]));
    for (const row of body.rows) {
      const now = rows.get(row.dataset.id);
      if (!now || now.textContent !== row.textContent) look(row.dataset.id);
    }
    if (table.dataset.first === "true") for (const id of rows.keys()) if (!body.querySelector(`tr[data-id="${CSS.escape(id)}"]`)) fresh.add(id);
    tellNews();
  };
  follow(table.dataset.live, (r) => {
    if (body.querySelector(`tr[data-id="${CSS.escape(r.id)}"]`)) { look(r.id); return; }
    if (table.dataset.first !== "true" || !wanted(table.dataset.states, r.state) || !wanted(table.dataset.classes, r.class)) {
      if (fresh.delete(r.id)) tellNews();
      return;
    }
    if (table.dataset.whole !== "true" && r.id < oldest()) return;
    fresh.add(r.id);
    tellNews();
  }, reread);

  chooseRows(body);
}

// Rows stay chosen while one leafs through a list: those of other pages stand as hidden fields in the form. Shift with a click takes a range;
// j and k go through the rows, x chooses one.
function chooseRows(body) {
  const form = document.getElementById("bulk");
  const label = form?.querySelector(".bulk-count");
  if (!label) return;
  const key = `chosen ${form.dataset.chosen}`;
  const boxes = () => [...body.querySelectorAll("input[type=checkbox]")];
  const elsewhere = () => [...form.querySelectorAll("input[name=id][type=hidden]")];
  const kept = new Set((sessionStorage.getItem(key) ?? "").split(",").filter(Boolean));
  for (const box of boxes()) if (kept.delete(box.value)) box.checked = true;
  for (const id of kept) {
    const field = Object.assign(document.createElement("input"), { type: "hidden", name: "id", value: id });
    form.append(field);
  }
  const count = () => {
    const here = boxes().filter((b) => b.checked), there = elsewhere();
    const ids = [...here, ...there].map((b) => b.value);
    label.textContent = `${ids.length} ${label.dataset.text}${there.length ? ` (${there.length} ${label.dataset.elsewhere})` : ""}`;
    if (ids.length) sessionStorage.setItem(key, ids.join(",")); else sessionStorage.removeItem(key);
  };
  let last;
  body.addEventListener("click", (e) => {
    if (e.target.type !== "checkbox") return;
    const all = boxes(), at = all.indexOf(e.target), from = all.indexOf(last);
    if (e.shiftKey && from >= 0) for (const b of all.slice(Math.min(at, from), Math.max(at, from) + 1)) b.checked = e.target.checked;
    last = e.target;
  });
  form.querySelector("[data-unchoose]").addEventListener("click", () => {
    for (const b of boxes()) b.checked = false;
    for (const f of elsewhere()) f.remove();
    const all = form.querySelector("[data-do=all]");
    if (all) all.checked = false;
    count();
  });
  document.addEventListener("change", (e) => { if (e.target.type === "checkbox") count(); });
  document.addEventListener("click", () => setTimeout(count));
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input:not([type=checkbox]), textarea, select, dialog")) return;
    const rows = [...body.rows], at = rows.findIndex((r) => r.contains(document.activeElement));
    if (e.key === "j" || e.key === "k") {
      rows[Math.min(rows.length - 1, Math.max(0, at + (e.key === "j" ? 1 : -1)))]?.querySelector("a")?.focus();
    } else if (e.key === "x" && at >= 0) {
      rows[at].querySelector("input[type=checkbox]")?.click();
    }
  });
  count();
}

// What was chosen is done: it is chosen no longer.
document.querySelector("form[data-done-with]")?.addEventListener("submit", (e) => sessionStorage.removeItem(`chosen ${e.target.dataset.doneWith}`));

if (record) {
  let timer;
  const again = () => {
    timer = undefined;
    if (document.querySelector("dialog[open]")) { timer = setTimeout(again, 3000); return; }
    const open = new Set([...document.querySelectorAll("details[open][id]")].map((d) => d.id));
    const values = document.getElementById("values")?.innerHTML;
    window.htmx.ajax("GET", location.pathname + location.search, { target: "#record", select: "#record", swap: "outerHTML" }).then(() => {
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
      const place = document.getElementById("values");
      if (place && values && open.has("where")) place.innerHTML = values;
    });
  };
  follow(record.dataset.record, (r) => { if (r.id === record.dataset.id) timer ??= setTimeout(again, 400); }, () => { timer ??= setTimeout(again, 400); });
}

// Until when: "in 12 s", counted down.
const words = (seconds, zh) => {
  const s = Math.max(0, Math.round(seconds));
  const d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
  const text = d ? (zh ? `${d} 天 ${h} 小时` : `${d} d ${h} h`) : h ? (zh ? `${h} 小时 ${m} 分` : `${h} h ${m} min`) : m ? (zh ? `${m} 分 ${s % 60} 秒` : `${m} min ${s % 60} s`) : zh ? `${s} 秒` : `${s} s`;
  if (s === 0) return zh ? "现在" : "now";
  return zh ? `${text}后` : `in ${text}`;
};
setInterval(() => {
  for (const el of document.querySelectorAll("[data-until]")) {
    el.textContent = words((new Date(el.dataset.until) - Date.now()) / 1000, document.documentElement.lang.startsWith("zh"));
  }
}, 1000);
