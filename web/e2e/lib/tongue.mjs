// Nothing English on a Chinese page, but what the CRM, an OA or a person has written.

/** data is all that the program holds that was written by others, as one text: what of it stands on a page is in the language in which it came. */
export async function data(program) {
  const texts = new Set();
  const collect = (x) => {
    if (typeof x === "string") texts.add(x.replace(/\s+/g, " "));
    else if (x && typeof x === "object") Object.entries(x).forEach(([name, value]) => { texts.add(name); collect(value); });
  };
  const lists = ["records?limit=500", "events?limit=500", "rejected?limit=100", "connections?limit=100", "tenants", "digests", "sign-ons", "users", "tokens", "jobs", "audit?limit=500"];
  const answers = await Promise.all(lists.map((list) => program.ask("GET", `/${list}`, undefined, undefined, { "Accept-Language": "zh-CN" })));
  for (const one of answers) collect(one.items ?? one);
  const listed = (name) => answers[lists.findIndex((list) => list.split("?")[0] === name)].items;
  const more = [
    ...listed("digests").map((d) => program.ask("GET", `/digests/${d.id}`)), ...listed("connections").map((c) => program.ask("GET", `/tenants/${c.tenant}/connections/${c.name}`)),
  ];
  for (const one of await Promise.all(more)) collect(one);
  return [...texts].join("\n");
}

/** english are the words of a Chinese page that are English and nobody's data. Code, and what says its own language, is let be. */
export function english(page, known) {
  return page.evaluate((known) => {
    const faults = [];
    const root = document.documentElement;
    const own = (text) => text.replace(/\s+/g, " ").trim();
    // Two words next to each other, the second without a capital, are English; names and codes are not. A control may have a single word.
    const foreign = (text, control) => /(?:^|[^A-Za-z0-9_.\/#$:{-])[A-Za-z]{2,}(?:['’]s)? [a-z]{2,}(?![A-Za-z]*[A-Z0-9_-])/.test(text) || (control && /^[A-Z]?[a-z]{3,}$/.test(text));
    // What others wrote may stand within a sentence of ours: each run of Latin letters is looked up by itself. Between back quotes stands code.
    const written = (text, control) => known.includes(text) || (text.replace(/`[^`]*`/g, " ").match(/[A-Za-z][\x20-\x5f\x61-\x7e\u00c0-\u024f]*/g) ?? []).every((run) => !foreign(run.trim(), control) || known.includes(run.trim()));
    const elsewhere = (e) => e.closest("[lang]") !== root || e.closest("[translate=no], code, pre, kbd, samp, script, style, .cm-editor, .mono, time, svg, [hidden]");
    const check = (e, what, text) => {
      text = own(text);
      const control = e.matches("button, label, th, legend, summary, h1, h2, h3, .button, .badge, .nav a, .tabs a");
      if (text && foreign(text, control) && !written(text, control)) faults.push(`English on a Chinese page: ${what} ${text.slice(0, 100)}`);
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const e = walker.currentNode.parentElement;
      if (!elsewhere(e)) check(e, `<${e.localName}${e.className ? "." + String(e.className).split(" ")[0] : ""}>`, walker.currentNode.data);
    }
    for (const e of document.querySelectorAll("[title], [aria-label], [placeholder], [alt], [data-text], [data-done], [data-empty]")) {
      if (elsewhere(e)) continue;
      for (const name of ["title", "aria-label", "placeholder", "alt", "data-done", "data-empty"]) if (e.hasAttribute(name)) check(e, `<${e.localName} ${name}>`, e.getAttribute(name));
    }
    if (foreign(document.title.replace("todosync", "").trim()) && !written(own(document.title.split("·")[0]))) faults.push(`English on a Chinese page: title ${document.title}`);
    return faults;
  }, known);
}
