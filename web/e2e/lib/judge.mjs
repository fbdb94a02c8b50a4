// What every page must hold, whatever it shows: axe's rules for WCAG 2.2 A and AA, and a few of our own.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** none fails with the faults, each with how often it is there and where first. A fault is a text, or {where, what}. */
export function none(faults) {
  const all = new Map();
  for (const f of faults) {
    const { where, what } = typeof f === "string" ? { where: "", what: f } : f;
    if (!all.has(what)) all.set(what, []);
    all.get(what).push(where);
  }
  if (all.size === 0) return;
  const lines = [...all].map(([what, where]) => `- ${what}${where[0] ? `\n    ${where.length > 1 ? `${where.length} times, first ` : ""}at ${where[0]}` : ""}`);
  throw new Error(`${all.size} faults:\n${lines.join("\n")}`);
}

/** axeFaults are axe's violations on the page as it is now, a line each; of the rules alone, where some are named. */
export async function axeFaults(page, rules) {
  // Evaluated through the debugger, the content security policy of the page stays as it is.
  if (!(await page.evaluate("typeof window.axe === 'object'"))) await page.evaluate(axe);
  const found = await page.evaluate(async ([tags, rules]) => {
    const only = rules ? { type: "rule", values: rules } : { type: "tag", values: tags };
    const r = await window.axe.run(document, { runOnly: only, resultTypes: ["violations"], ...(rules ? {} : { rules: { "target-size": { enabled: true } } }) });
    return r.violations.flatMap((v) => v.nodes.map((n) => `${v.id} (${v.impact}) ${n.target.join(" ")}: ${n.failureSummary.replace(/\s+/g, " ")} ${n.html.slice(0, 160)}`));
  }, [tags, rules]);
  return found;
}

/** ownFaults are what axe does not look for. */
export function ownFaults(page, lang) {
  return page.evaluate((lang) => {
    const faults = [];
    const root = document.documentElement;
    if (root.lang !== (lang === "zh" ? "zh-CN" : "en")) faults.push(`the page's language is ${root.lang}`);
    if (document.querySelectorAll("h1").length !== 1) faults.push(`${document.querySelectorAll("h1").length} h1`);
    if (root.scrollWidth > root.clientWidth) {
      const wide = [...document.querySelectorAll("body *")].filter((e) => {
        if (e.getBoundingClientRect().right <= root.clientWidth + 1) return false;
        for (let p = e.parentElement; p && p !== document.body; p = p.parentElement) if (getComputedStyle(p).overflowX !== "visible") return false;
        return true;
      });
      faults.push(`wider than the screen: ${root.scrollWidth} > ${root.clientWidth}: ${wide.slice(0, 3).map((e) => e.outerHTML.slice(0, 120)).join(" | ")}`);
    }
    const ids = new Set();
    for (const e of document.querySelectorAll("[id]")) {
      if (ids.has(e.id)) faults.push(`id ${e.id} is there twice`);
      ids.add(e.id);
    }
    // The console's own words are in the reader's language; a tenant's data, code and names may be in any. What stands there in another
    // language on purpose says so with lang, or with translate=no.
    const words = "h2, h3, button, label, th, legend, summary, dt, .lead, .empty p, .tabs a, .nav a, .button, .badge, .pager, .note, option";
    for (const e of document.querySelectorAll(words)) {
      if (e.closest("[lang]") !== root || e.closest("[translate=no], pre, .cm-editor, [hidden]")) continue;
      const own = [...e.childNodes].filter((n) => n.nodeType === Node.TEXT_NODE).map((n) => n.data).join(" ").trim();
      if (lang !== "zh" || /\p{Script=Han}/u.test(own)) continue;
      const control = e.matches("button, label, th, legend, .tabs a, .nav a, .button, .pager");
      if (/[A-Za-z]{3,} [a-z]{2,}/.test(own) || (control && /^[A-Za-z]*[a-z]{3,}$/.test(own))) faults.push(`not in Chinese: <${e.localName}> ${own.slice(0, 80)}`);
    }
    for (const img of document.querySelectorAll("img")) if (img.complete && img.naturalWidth === 0) faults.push(`a picture is missing: ${img.src}`);
    if (/%!|undefined|\[object |NaN|<nil>/.test(document.body.innerText)) faults.push(`a value that was not meant for people: ${document.body.innerText.match(/.{0,30}(%!|undefined|\[object |NaN|<nil>).{0,30}/)[0]}`);
    return faults;
  }, lang);
}
