// The editor of a connection's file. The file is the truth: the forms and the body editors change it through the server, which keeps
// what they do not touch, checks it and renders the preview, all in one answer. Without this script the page is a form with one textarea.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { xml } from "@codemirror/lang-xml";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, bracketMatching, foldGutter, foldKeymap, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Annotation, Compartment, EditorState } from "@codemirror/state";
import { Decoration, EditorView, MatchDecorator, ViewPlugin, highlightActiveLine, highlightSpecialChars, hoverTooltip, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { cards } from "./editor/cards.js";
import { member } from "./editor/schema.js";

const form = document.querySelector("[data-editor]");
const data = JSON.parse(document.getElementById("editor-data").textContent);
const nonce = form.dataset.nonce;
const words = data.words;
const fields = new Map(data.fields.map((f) => ["#" + f.code, f]));
const $ = (selector, root = form) => root.querySelector(selector);
const $$ = (selector, root = form) => [...root.querySelectorAll(selector)];
const area = $("#content");

let state = data.checked; // what the server last said of the file
let values = new Map(); // of placeholders, in the last preview
const synced = Annotation.define(); // a change that the server made, not the user

// ---- CodeMirror

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.tagName, tags.definition(tags.propertyName)], class: "hl-name" },
  { tag: [tags.string, tags.attributeValue, tags.content], class: "hl-text" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], class: "hl-value" },
  { tag: [tags.comment, tags.meta], class: "hl-comment" },
  { tag: [tags.punctuation, tags.separator, tags.bracket, tags.angleBracket], class: "hl-sign" },
  { tag: tags.attributeName, class: "hl-attribute" },
  { tag: tags.keyword, class: "hl-value" },
]);

const placeholder = /(#?)#(F\d{3})|(\$?)\$\{([^}\n]*)\}/g;
const marks = new MatchDecorator({
  regexp: placeholder,
  decoration: (m) => {
    if (m[2]) {
      if (m[1]) return null; // ##F012 is the text #F012
      return Decoration.mark({ class: known("#" + m[2]) ? "ph" : "ph ph-unknown" });
    }
    return m[3] ? null : Decoration.mark({ class: m[4].startsWith("secret:") ? "ph ph-secret" : "ph ph-setting" });
  },
});
const marker = ViewPlugin.fromClass(class {
  constructor(view) { this.decorations = marks.createDeco(view); }
  update(u) { this.decorations = marks.updateDeco(u, this.decorations); }
}, { decorations: (v) => v.decorations });

const own = () => state.source?.fields ?? {};
const known = (code) => fields.has(code) || code.slice(1) in own();

function about(text) {
  if (text.startsWith("#")) {
    const f = fields.get(text);
    if (!f && text.slice(1) in own()) return { name: own()[text.slice(1)].label ?? "", from: JSON.stringify(own()[text.slice(1)]) };
    return f ? { name: f.name, from: f.from, example: f.example } : { name: words.unknown };
  }
  const name = text.slice(2, -1);
  if (name.startsWith("secret:")) return { name: words.secret };
  if (/^(now|uuid)\b/.test(name)) return { name: words.builtin };
  return { name: words.setting, from: String(variables()[name.split("|")[0]] ?? "") };
}
const variables = () => ({ ...(state.settings?.variables ?? {}), ...(state.source?.variables ?? {}) });

const hover = hoverTooltip((view, pos) => {
  const line = view.state.doc.lineAt(pos);
  for (const m of line.text.matchAll(placeholder)) {
    const from = line.from + m.index + (m[1] ? 1 : 0);
    const to = line.from + m.index + m[0].length;
    if (pos < from || pos > to || m[1] || m[3]) continue;
    return { pos: from, end: to, above: true, create: () => ({ dom: tip(m[0]) }) };
  }
  return null;
});

function tip(text) {
  const a = about(text);
  const dom = document.createElement("div");
  dom.className = "ph-tip";
  const head = document.createElement("div");
  const code = document.createElement("code");
  code.textContent = text;
  head.append(code, " ", a.name);
  dom.append(head);
  const line = (t) => { const d = document.createElement("div"); d.className = "muted small"; d.textContent = t; dom.append(d); };
  if (a.from) line(a.from);
  const value = values.get(text) ?? a.example;
  if (value) line(words.value + value);
  return dom;
}

function complete(context) {
  const code = context.matchBefore(/#[\p{L}\p{N}]*/u);
  if (code && (code.text.length > 1 || context.explicit || !inYAMLComment(context))) {
    const typed = code.text.slice(1).toLowerCase();
    const options = [];
    for (const [label, f] of fields) {
      if (typed && !label.slice(1).toLowerCase().includes(typed) && !f.words.includes(typed)) continue;
      options.push({ label, detail: f.name, info: () => tip(label), type: "variable" });
    }
    for (const [key, f] of Object.entries(own())) {
      if (!fields.has("#" + key) && (!typed || key.toLowerCase().includes(typed))) options.push({ label: "#" + key, detail: f?.label ?? "", type: "variable" });
    }
    return { from: code.from, options, filter: false, update: (r, from, to, c) => complete(c) };
  }
  const hole = context.matchBefore(/\$\{[\w:.-]*/);
  if (hole) {
    const names = [...Object.keys(variables()), ...(state.secrets ?? []).map((s) => "secret:" + s.name), "now:epochMillis", "now:yyyyMMddHHmmss", "uuid"];
    const closed = context.state.sliceDoc(context.pos, context.pos + 1) === "}";
    return { from: hole.from, options: names.map((n) => ({ label: "${" + n + "}", apply: "${" + n + (closed ? "" : "}"), detail: about("${" + n + "}").name, type: "constant" })), validFor: /^\$\{[\w:.-]*$/ };
  }
  return null;
}
function inYAMLComment(context) {
  return context.state.doc.lineAt(context.pos).text.trimStart().startsWith("#");
}

const theme = EditorView.theme({}, {});
function base(label, ...sources) {
  sources = [complete, ...sources];
  return [
    EditorView.cspNonce.of(nonce), theme, lineNumbers(), highlightSpecialChars(), history(), foldGutter(), indentOnInput(), bracketMatching(), closeBrackets(),
    highlightActiveLine(), highlightSelectionMatches(), EditorView.lineWrapping, syntaxHighlighting(colours), lintGutter(), marker, hover,
    autocompletion({ override: sources, icons: false }),
    keymap.of([
      { key: "Mod-s", preventDefault: true, run: () => { save(); return true; } },
      { key: "Mod-Enter", preventDefault: true, run: () => { look(true); return true; } },
      { key: "Alt-p", preventDefault: true, run: () => { const s = $("[data-catalogue-search]"); s?.focus(); s?.select(); return Boolean(s); } },
      ...closeBracketsKeymap, ...completionKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...defaultKeymap, indentWithTab,
    ]),
    EditorState.tabSize.of(2),
    EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
  ];
}

const fileView = new EditorView({
  parent: $("[data-file]"),
  state: EditorState.create({
    doc: area.value,
    extensions: [base(form.querySelector(".file-label").textContent, member(form.dataset.kind)), yaml(), EditorView.updateListener.of((u) => {
      if (!u.docChanged) return;
      area.value = u.state.doc.toString();
      touched();
      if (!u.transactions.some((t) => t.annotation(synced))) later(600);
    })],
  }),
});
$("[data-file]").hidden = false;
area.hidden = true;
$(".file-label").classList.add("visually-hidden");

const languageOf = (text) => { const c = text.trimStart()[0]; return c === "<" ? xml() : c === "{" || c === "[" ? json() : []; };
const bodies = new Map();
for (const box of $$("[data-body]")) {
  const scene = box.dataset.body;
  const language = new Compartment();
  const view = new EditorView({
    parent: box,
    state: EditorState.create({
      doc: "",
      extensions: [base(document.getElementById("body-label-" + scene).textContent + " " + scene), language.of([]), EditorView.updateListener.of((u) => {
        if (!u.docChanged) return;
        const text = u.state.doc.toString();
        const kind = text.trimStart()[0] ?? "";
        if (kind !== view.kind) {
          view.kind = kind;
          queueMicrotask(() => view.dispatch({ effects: language.reconfigure(languageOf(text)) }));
        }
        if (!u.transactions.some((t) => t.annotation(synced))) change(["scenes", scene, "body"], text === "" ? null : text);
      })],
    }),
  });
  bodies.set(scene, view);
}

// put makes a view hold a text with the smallest change, so that the cursor stays.
function put(view, text) {
  const now = view.state.doc.toString();
  if (now === text) return;
  let from = 0;
  const most = Math.min(now.length, text.length);
  while (from < most && now[from] === text[from]) from++;
  let end = 0;
  while (end < most - from && now[now.length - 1 - end] === text[text.length - 1 - end]) end++;
  view.dispatch({ changes: { from, to: now.length - end, insert: text.slice(from, text.length - end) }, annotations: synced.of(true) });
}

// ---- The server's part

let pending = new Map(); // changes of members that the file does not have yet, by path
let version = 0; // of what the user has
let timer, running = false, again = false;

function change(path, value) {
  pending.set(JSON.stringify(path), { path, value });
  version++;
  mark();
  later(400);
}
function touched() { version++; mark(); }
function later(ms) { clearTimeout(timer); timer = setTimeout(() => look(), ms); }

async function look(show) {
  clearTimeout(timer);
  if (running) { again = true; return; }
  running = true;
  const sent = pending;
  pending = new Map();
  const at = version;
  let failed = false;
  try {
    const answer = await fetch("/connections/assist", {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ content: area.value, changes: [...sent.values()], tenant: form.elements.tenant.value, name: form.elements.name.value, scene: $("#scene")?.value ?? "", event: $("#event")?.value ?? "", receiver: $("#receiver")?.value ?? "" }),
    });
    if (!answer.ok || !answer.headers.get("Content-Type").startsWith("application/json")) throw new Error(String(answer.status));
    const said = await answer.json();
    if (at !== version && !said.error) { // the user went on: what he changed since then is put into the file that came
      if (area.value === state.sent) put(fileView, said.content);
      else sent.forEach((c, k) => { if (!pending.has(k)) pending.set(k, c); });
    } else if (said.error) {
      sent.forEach((c, k) => { if (!pending.has(k)) pending.set(k, c); });
    } else {
      put(fileView, said.content);
    }
    take(said, show);
  } catch {
    failed = true;
    sent.forEach((c, k) => { if (!pending.has(k)) pending.set(k, c); }); // the server is away: nothing is lost, and the next change asks again
  } finally {
    running = false;
    const more = again || (!failed && pending.size > 0 && !state.error);
    again = false;
    if (more) later(50);
  }
}

// take shows what the server said.
function take(said, show) {
  const valid = said.settings ?? null;
  state = { ...said, settings: valid ?? state.settings, source: said.error ? state.source : said.source };
  state.sent = area.value;
  $("#problems").innerHTML = said.list;
  if ($("#preview")) shownPreview(said);
  values = new Map($$("#preview .origins tbody tr").map((tr) => [tr.cells[0].querySelector("code").textContent, tr.cells[1].textContent.trim()]));
  fill();
  lint();
  if (show) document.querySelector(".preview")?.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

function shownPreview(said) {
  const stale = !said.valid && $("#preview .request") !== null; // the last good one stays in sight, marked as such
  $("#preview").classList.toggle("stale", stale);
  if (stale) return;
  $("#preview").innerHTML = said.preview;
  people();
}

// ---- The forms

const at = (tree, path) => path.reduce((x, name) => (x == null || typeof x !== "object" ? undefined : x[name]), tree);
const isObject = (x) => x && typeof x === "object" && !Array.isArray(x);

function shown(kind, value) {
  if (value == null) return "";
  switch (kind) {
    case "list": return Array.isArray(value) ? value.join(", ") : String(value);
    case "headers": return isObject(value) ? Object.entries(value).map(([k, v]) => `${k}: ${v}`).join("\n") : "";
  }
  return isObject(value) ? value.as ?? JSON.stringify(value) : String(value);
}

function read(el) {
  switch (el.dataset.kind) {
    case "bool": return el.checked;
    case "number": return el.value === "" ? null : Number(el.value);
    case "list": {
      const items = el.value.split(/[,，]/).map((s) => s.trim()).filter(Boolean);
      return items.length ? items : null;
    }
    case "headers": {
      const out = {};
      for (const line of el.value.split("\n")) {
        const i = line.indexOf(":");
        if (i > 0) out[line.slice(0, i).trim()] = line.slice(i + 1).trim();
      }
      return Object.keys(out).length ? out : null;
    }
  }
  return el.value === "" ? null : el.value;
}

const inputs = $$("[data-path]");
for (const el of inputs) {
  el.addEventListener(el.type === "checkbox" || el.tagName === "SELECT" ? "change" : "input", () => {
    const path = JSON.parse(el.dataset.path);
    const value = read(el);
    // Of lines like headers only what differs from the preset goes into the file.
    const before = at(state.source, path), preset = at(state.settings, path);
    if (el.dataset.kind === "headers" && isObject(value) && isObject(preset)) {
      const out = {};
      for (const [k, v] of Object.entries(value)) if (String(preset[k] ?? "") !== v || (isObject(before) && k in before)) out[k] = v;
      for (const k of Object.keys(preset)) if (!(k in value) && !(isObject(before) && k in before)) out[k] = null;
      return change(path, Object.keys(out).length ? out : null);
    }
    change(path, value);
  });
}
const channels = $("[data-items]") && cards($("[data-items]"), form.querySelector("template[data-item]"), $("[data-items-add]"), change);
for (const b of $$("[data-reset]")) b.addEventListener("click", () => change(JSON.parse(b.dataset.reset), null));

function origin(box, inFile, has, hasPreset) {
  const from = box.querySelector("[data-from]");
  if (from) from.textContent = inFile || !has ? "" : hasPreset ? words.preset : words.default;
  const reset = box.querySelector("[data-reset]");
  if (reset) reset.hidden = !inFile || !hasPreset;
}

function fill() {
  const preset = Boolean(at(state.source, ["preset"]));
  for (const el of inputs) {
    const path = JSON.parse(el.dataset.path);
    const mine = at(state.source, path);
    const value = isObject(mine) && isObject(at(state.settings, path)) ? at(state.settings, path) : mine ?? at(state.settings, path);
    origin(el.closest("[data-field]"), mine !== undefined, value !== undefined && value !== "", preset);
    if (el === document.activeElement || pending.has(el.dataset.path)) continue;
    if (el.dataset.kind === "bool") {
      el.checked = Boolean(value);
    } else {
      const text = shown(el.dataset.kind, value);
      if (el.tagName === "SELECT" && text && ![...el.options].some((o) => o.value === text)) el.add(new Option(text, text));
      if (el.value !== text) el.value = text;
    }
  }
  for (const [scene, view] of bodies) {
    const path = ["scenes", scene, "body"];
    const mine = at(state.source, path);
    const value = mine ?? at(state.settings, path) ?? "";
    origin(view.dom.closest(".body-field"), mine !== undefined, Boolean(value), preset);
    if (!pending.has(JSON.stringify(path)) && !(view.hasFocus && running)) put(view, String(value));
  }
  channels?.show(at(state.source, channels.path) ?? at(state.settings, channels.path) ?? []);
  for (const box of $$("[data-fold]")) {
    const full = $$("[data-path]", box).filter((el) => el.value.trim() !== "");
    const lines = full.reduce((n, el) => n + el.value.trim().split("\n").length, 0);
    $("[data-fold-count]", box).textContent = lines ? `(${lines})` : "";
  }
  for (const tab of $$("[data-tab-mark]")) {
    const scene = tab.dataset.tabMark;
    const path = scene === "notify" ? "notify" : "scenes." + scene;
    const set = at(state.settings, ["scenes", scene]) ?? at(state.source, ["scenes", scene]);
    const bad = (state.problems ?? []).some((p) => !p.warning && (p.path === path || p.path.startsWith(path + ".") || p.path.startsWith(path + "[")));
    tab.hidden = !bad && !(set && set.enabled !== false);
    tab.className = bad ? "tab-mark bad" : "tab-mark";
    tab.title = bad ? words.bad : words.yes;
  }
}

// ---- Mistakes in their places

function lint() {
  const all = (state.problems ?? []).filter((p) => p.line > 0);
  if (state.error && state.line) all.push({ line: state.line, column: state.column ?? 1, message: state.error });
  const severity = (p) => (p.warning ? "warning" : "error");
  fileView.dispatch(setDiagnostics(fileView.state, all.map((p) => span(fileView, p.line, p.column, severity(p), p.message))));
  for (const [scene, view] of bodies) {
    const path = "scenes." + scene + ".body";
    const place = state.places?.[path];
    const mine = (state.problems ?? []).filter((p) => p.path === path || p.path.startsWith(path + "."));
    view.dispatch(setDiagnostics(view.state, mine.map((p) => {
      const line = place?.block ? p.line - place.line + 1 : 1;
      const column = place?.block ? p.column - (place.indent ?? 0) : place && p.line === place.line ? p.column - place.column + 1 : 1;
      return span(view, line, column, severity(p), p.message);
    })));
  }
  for (const el of inputs) {
    const path = JSON.parse(el.dataset.path).join(".");
    const wrong = (state.problems ?? []).find((p) => !p.warning && (p.path === path || p.path.startsWith(path + ".")));
    el.toggleAttribute("aria-invalid", Boolean(wrong));
    if (wrong) el.setAttribute("aria-invalid", "true");
    el.title = wrong?.message ?? "";
    const said = el.closest("[data-field]").querySelector("[data-mistake]");
    said.textContent = wrong?.message ?? "";
    said.hidden = !wrong;
    said.id = el.id + "-mistake";
    if (wrong) el.setAttribute("aria-describedby", said.id);
    else el.removeAttribute("aria-describedby");
    if (wrong) el.closest("details")?.setAttribute("open", "");
  }
  channels?.lint(state.problems ?? []);
}

function span(view, line, column, severity, message) {
  const doc = view.state.doc;
  const l = doc.line(Math.min(Math.max(line, 1), doc.lines));
  const from = Math.min(l.from + Math.max(column - 1, 0), l.to);
  const word = doc.sliceString(from, l.to).match(/^[^\s"'<>,:{}[\]]+/)?.[0].length ?? 0;
  return { from, to: Math.min(from + Math.max(word, 1), Math.max(l.to, from)), severity, message };
}

document.addEventListener("click", (e) => {
  const link = e.target.closest("[data-goto-line]");
  if (!link) return;
  link.closest("dialog")?.close();
  const scene = /^scenes\.(\w+)\.body/.exec(link.dataset.gotoPath)?.[1];
  const place = scene && state.places?.["scenes." + scene + ".body"];
  if (place?.block && bodies.has(scene)) {
    open(scene);
    go(bodies.get(scene), Number(link.dataset.gotoLine) - place.line + 1, Number(link.dataset.gotoColumn) - (place.indent ?? 0));
    return;
  }
  open("file");
  go(fileView, Number(link.dataset.gotoLine), Number(link.dataset.gotoColumn));
});
function go(view, line, column) {
  const l = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines));
  view.focus();
  view.dispatch({ selection: { anchor: Math.min(l.from + Math.max(column - 1, 0), l.to) }, effects: EditorView.scrollIntoView(l.from, { y: "center" }) });
}

// ---- Tabs

const tabs = $$("[data-tab]");
$("[data-tabs]").hidden = false;
function open(key, focus) {
  if (!tabs.some((t) => t.dataset.tab === key)) key = tabs.find((t) => t.dataset.tab === "create") ? "create" : tabs[0].dataset.tab;
  for (const t of tabs) {
    const on = t.dataset.tab === key;
    t.setAttribute("aria-selected", String(on));
    t.tabIndex = on ? 0 : -1;
    if (on && focus) t.focus();
    if (on) t.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  for (const p of $$("[data-pane]")) p.hidden = p.dataset.pane !== key;
  form.elements.tab.value = key;
  remember(key);
  if (bodies.has(key)) {
    bodies.get(key).requestMeasure();
    if ($("#scene").value !== key) { $("#scene").value = key; later(0); }
  }
  fileView.requestMeasure();
}
function remember(key) {
  if (form.dataset.revision === "0") return;
  const u = new URL(location.href);
  if (!u.pathname.endsWith("/edit") || u.pathname === "/connections/edit") return;
  u.searchParams.set("tab", key);
  window.history.replaceState(window.history.state, "", u);
}
for (const t of tabs) {
  t.addEventListener("click", () => open(t.dataset.tab));
  t.addEventListener("keydown", (e) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    e.preventDefault();
    open(tabs[(tabs.indexOf(t) + step + tabs.length) % tabs.length].dataset.tab, true);
  });
}

// ---- The catalogue

let focused = null; // the last field or view that had the cursor
document.addEventListener("focusin", (e) => {
  const cm = e.target.closest(".cm-editor");
  if (cm) focused = [...bodies.values(), fileView].find((v) => v.dom === cm);
  else if (e.target.matches("[data-path]:not([type=checkbox]):not(select)")) focused = e.target;
});
$("[data-catalogue]")?.addEventListener("click", (e) => {
  const b = e.target.closest("[data-insert]");
  if (!b) return;
  let target = focused;
  const tab = form.elements.tab.value;
  if (!target || (target.dom ?? target).closest("[data-pane]")?.hidden) target = bodies.get(tab) ?? fileView;
  if (target instanceof EditorView) {
    target.dispatch(target.state.replaceSelection(b.dataset.insert));
    target.focus();
  } else {
    target.setRangeText(b.dataset.insert, target.selectionStart, target.selectionEnd, "end");
    target.dispatchEvent(new Event("input"));
    target.focus();
  }
});
const found = () => $$("[data-catalogue] li:not([hidden]) [data-insert]");
$("[data-catalogue-search]")?.addEventListener("input", (e) => {
  const wanted = e.target.value.toLowerCase().split(/[\s#]+/).filter(Boolean);
  for (const li of $("[data-catalogue]").children) li.hidden = !wanted.every((w) => li.dataset.words.includes(w));
  $("[data-catalogue-none]").hidden = found().length > 0;
});
$("[data-catalogue-search]")?.addEventListener("keydown", (e) => {
  if (e.key === "Enter" || e.key === "ArrowDown") e.preventDefault();
  if (e.key === "Enter") found()[0]?.click();
  if (e.key === "ArrowDown") found()[0]?.focus();
});
$("[data-catalogue]")?.addEventListener("keydown", (e) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
  if (!step) return;
  e.preventDefault();
  const all = found(), next = all.indexOf(document.activeElement) + step;
  (next < 0 ? $("[data-catalogue-search]") : all[Math.min(next, all.length - 1)])?.focus();
});

for (const id of ["scene", "event", "receiver"]) $("#" + id)?.addEventListener("change", () => {
  if (id === "scene" && bodies.has(form.elements.tab.value) && bodies.has($("#scene").value)) open($("#scene").value);
  if (id === "event") $("#receiver").value = "";
  later(0);
});
// people offers the receivers of the event that the preview is of.
function people() {
  const select = $("#receiver"), chosen = select.value;
  const list = JSON.parse($("#preview [data-receivers]")?.dataset.receivers ?? "[]");
  select.replaceChildren(new Option(words.all, ""), ...list.map((p) => new Option(`${p.name} (${p.id})`, p.id)));
  select.value = list.some((p) => p.id === chosen) ? chosen : "";
}

// ---- Unsaved changes

const keep = "todosync-edit:" + form.dataset.key;
const saved = form.dataset.failed === undefined ? area.value : null; // null: what stands here was refused, so it is not saved
let leaving = false;
const dirty = () => pending.size > 0 || (saved === null ? true : area.value !== saved);
function mark() {
  $("[data-dirty]").hidden = !dirty();
  try {
    if (dirty()) sessionStorage.setItem(keep, JSON.stringify({ revision: form.dataset.revision, content: area.value }));
    else sessionStorage.removeItem(keep);
  } catch { /* a browser that keeps nothing */ }
}
try {
  const kept = JSON.parse(sessionStorage.getItem(keep) ?? "null");
  if (kept && kept.content !== area.value && kept.revision === form.dataset.revision && saved !== null) {
    const bar = $("[data-draft-kept]");
    bar.hidden = false;
    $("[data-draft-restore]").addEventListener("click", () => { put(fileView, kept.content); bar.hidden = true; look(); });
    $("[data-draft-drop]").addEventListener("click", () => { sessionStorage.removeItem(keep); bar.hidden = true; });
  } else if (kept && saved !== null) {
    sessionStorage.removeItem(keep);
  }
} catch { /* none */ }
addEventListener("beforeunload", (e) => { if (!leaving && dirty()) e.preventDefault(); });
form.addEventListener("submit", (e) => {
  if (pending.size > 0) { // the file has not got them yet
    e.preventDefault();
    const by = e.submitter;
    look().then(() => { if (pending.size === 0) form.requestSubmit(by); });
    return;
  }
  leaving = true;
  setTimeout(() => { leaving = false; }, 3000);
});
function leaveBy(root) {
  for (const a of $$("[data-leave]", root)) a.addEventListener("click", () => { leaving = true; try { sessionStorage.removeItem(keep); } catch { /* none */ } });
}
leaveBy(form);

// save asks what saving would do and shows it; the dialog's own button saves.
async function save() {
  while (pending.size > 0 || running) { // the file has not got them yet
    await look();
    if (state.error && pending.size > 0) break;
    await new Promise((done) => setTimeout(done, 60));
  }
  const body = new URLSearchParams(new FormData(form));
  body.set("do", "review");
  let text;
  try {
    const answer = await fetch("/connections/edit", { method: "POST", headers: { "HX-Request": "true" }, body });
    text = await answer.text();
  } catch {
    return form.requestSubmit($("[data-save]")); // the browser says that the server is away
  }
  const box = document.createElement("div");
  box.innerHTML = text;
  const fresh = box.querySelector("#review");
  if (!fresh) return form.requestSubmit($("[data-save]"));
  $("#review").replaceWith(fresh);
  window.htmx?.process(fresh);
  document.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true, detail: { elt: fresh } }));
  leaveBy(fresh);
  fresh.showModal();
}
$("[data-save]").addEventListener("click", (e) => { e.preventDefault(); save(); });
document.addEventListener("keydown", (e) => {
  if (!(e.ctrlKey || e.metaKey)) return;
  if (e.target.closest(".cm-editor")) return; // it has keys of its own
  if (e.key === "s") { e.preventDefault(); save(); }
  if (e.key === "Enter") { e.preventDefault(); look(true); }
});
$("[data-look]").addEventListener("click", (e) => { e.preventDefault(); look(true); });

state.sent = area.value;
fill();
lint();
open(form.elements.tab.value || (form.dataset.kind === "tenant" ? "general" : form.dataset.revision === "0" ? "file" : "create"));
for (const box of $$("[data-fold]")) box.open = $$("[data-path]", box).some((el) => el.value.trim() !== "");
mark();
if (!data.checked.source) look();
