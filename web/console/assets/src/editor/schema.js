// Completion of a settings file's members and values, from its JSON Schema: where the cursor stands is told by the indents above it.

let schemas = new Map(); // by kind, each fetched once

function schemaOf(kind) {
  if (!schemas.has(kind)) {
    schemas.set(kind, fetch("/schemas/" + kind).then((r) => (r.ok ? r.json() : null)).catch(() => { schemas.delete(kind); return null; }));
  }
  return schemas.get(kind);
}

const line = /^(\s*)((?:- )*)(?:(["']?)([\w.-]+)\3\s*:(?:\s+(.*))?)?$/;

/** pathAt gives the names that lead to a line, by indents; "-" stands for an item of a list. null: within a text of several lines. */
export function pathAt(doc, number) {
  const text = doc.line(number).text;
  const typed = /^(\s*)((?:- )*)/.exec(text);
  let indent = typed[1].length + typed[2].length;
  const path = [];
  if (typed[2]) { path.push("-"); indent = typed[1].length + 1; }
  for (let n = number - 1; n > 0 && indent > 0; n--) {
    const above = doc.line(n).text;
    if (!above.trim() || above.trimStart().startsWith("#")) continue;
    const m = line.exec(above.trimEnd());
    const lead = /^\s*/.exec(above)[0].length;
    if (lead >= indent) continue;
    if (!m) { indent = lead; continue; }
    const deep = lead + m[2].length;
    if (m[4] && deep < indent) {
      if (/^[|>]/.test(m[5] ?? "")) return null;
      if ((m[5] ?? "") === "") path.unshift(m[4]);
      indent = deep;
    }
    if (m[2] && lead < indent) { path.unshift("-"); indent = lead + (m[4] && deep === indent ? 1 : 0); }
  }
  return path;
}

/** siblings are the names of members beside a line, which may not stand there twice. */
function siblings(doc, number) {
  const indent = (text) => /^(\s*(?:- )*)/.exec(text)[1].length;
  const mine = indent(doc.line(number).text);
  const out = new Set();
  const take = (n) => {
    const text = doc.line(n).text;
    if (!text.trim() || text.trimStart().startsWith("#")) return true;
    if (indent(text) < mine) return false;
    const m = indent(text) === mine && /^\s*(?:- )*(["']?)([\w.-]+)\1\s*:/.exec(text);
    if (m) out.add(m[2]);
    return true;
  };
  if (!/^\s*- /.test(doc.line(number).text)) for (let n = number - 1; n > 0 && take(n); n--) if (mine > 0 && /^\s*- /.test(doc.line(n).text) && indent(doc.line(n).text) === mine) break;
  for (let n = number + 1; n <= doc.lines && !(mine > 0 && /^\s*- /.test(doc.line(n).text)) && take(n); n++);
  return out;
}

function resolve(root, s) {
  while (s?.$ref) s = { ...root.$defs[s.$ref.split("/").pop()], description: s.description };
  if (s?.anyOf) return resolve(root, { ...s, ...(s.anyOf.map((o) => resolve(root, o)).find((o) => o.properties) ?? {}), enum: s.anyOf.flatMap((o) => o.enum ?? []), anyOf: undefined });
  return s;
}

function walk(root, path) {
  let s = resolve(root, root);
  for (const name of path) {
    if (!s) return null;
    if (name === "-") s = resolve(root, s.items);
    else s = resolve(root, s.properties?.[name] ?? Object.entries(s.patternProperties ?? {}).find(([p]) => new RegExp(p).test(name))?.[1] ?? (typeof s.additionalProperties === "object" ? s.additionalProperties : null));
  }
  return s;
}

/** member completes names of members and their values in the file of a kind. */
export function member(kind) {
  return async (context) => {
    const l = context.state.doc.lineAt(context.pos);
    const before = l.text.slice(0, context.pos - l.from);
    const value = /^\s*(?:- )*(["']?)([\w.-]+)\1\s*:\s+([\w./-]*)$/.exec(before);
    const name = /^\s*(?:- )*([\w-]*)$/.exec(before);
    if (!value && !name) return null;
    if (name && !name[1] && !context.explicit) return null;
    const path = pathAt(context.state.doc, l.number);
    if (!path) return null;
    const root = await schemaOf(kind);
    if (!root) return null;
    if (value) {
      const s = walk(root, [...path, value[2]]);
      if (!s) return null;
      const values = [...(s.enum ?? []), ...(s.examples ?? []), ...(s.const !== undefined ? [s.const] : []), ...([].concat(s.type ?? []).includes("boolean") && ![].concat(s.type).includes("string") ? [true, false] : [])];
      const options = [...new Set(values.filter((v) => v !== null && v !== "").map(String))].map((label) => ({ label, type: "constant", detail: String(s.default ?? "") === label ? "✓" : "" }));
      return options.length ? { from: context.pos - value[3].length, options, validFor: /^[\w./-]*$/ } : null;
    }
    const s = walk(root, path);
    if (!s?.properties) return null;
    const there = siblings(context.state.doc, l.number);
    const options = Object.entries(s.properties).filter(([label]) => !there.has(label)).map(([label, p]) => {
      const r = resolve(root, p) ?? {};
      const nested = Boolean(r.properties || r.patternProperties || typeof r.additionalProperties === "object" || r.items);
      return { label, type: "property", apply: label + (nested && !r.enum?.length ? ":" : ": "), detail: r.default === undefined ? "" : JSON.stringify(r.default), info: p.description ?? r.description };
    });
    return { from: context.pos - name[1].length, options, validFor: /^[\w-]*$/ };
  };
}
