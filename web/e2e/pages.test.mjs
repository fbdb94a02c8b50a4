// Every page of the console, in both languages, both widths, light and dark: axe finds nothing, nothing is wider than the screen, nothing
// is asked of another host, no script fails. What a reader may do to a page is done to it, too: it is zoomed to 400 %, its text spaced, its
// controls hovered and focused, its dialogs opened, its colours chosen by the system; and a Chinese page has nothing English on it.
// The pages are found by following links, so that a new page is looked at without a word here.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, output, Reader } from "./lib/browser.mjs";
import { addUser, logIn } from "./lib/door.mjs";
import { axeFaults, none, ownFaults } from "./lib/judge.mjs";
import { folder, run, serve, until } from "./lib/program.mjs";
import { dialogs, focused, forced, hovered, narrow, spaced } from "./lib/strain.mjs";
import { data as writtenByOthers, english } from "./lib/tongue.mjs";
import { rmSync } from "node:fs";

const most = 70; // pages; more of them means that two links to one page are taken for two

let browser;
let program;
let data;
let cookies;
let known; // what others wrote, which is in whatever language it came in

before(async () => {
  rmSync(output, { recursive: true, force: true });
  data = folder();
  await run(["demo", "--once", "--data-dir", data.dir, "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0"]);
  [program, browser] = await Promise.all([serve(data.dir), launch()]);
  const reader = await Reader.open(browser, program.url);
  await addUser(program, "ada", "admin");
  await logIn(reader);
  cookies = (await reader.context.cookies()).filter((c) => !/lang|theme|zone/.test(c.name));
  await reader.close();
  await live();
  known = await writtenByOthers(program);
});

// live has happen what the sample lacks: a digest, a job, a connection that is paused.
async function live() {
  const tenants = ["714439", "820016"];
  await Promise.all(tenants.map(async (tenant) => {
    const { source } = await program.ask("GET", `/tenants/${tenant}`);
    await program.ask("PUT", `/tenants/${tenant}`, { ...source, notify: { ...source.notify, window: "1s" } });
  }));
  await program.ask("POST", "/tenants/820016/connections/welink/pause");
  await program.ask("POST", "/records/retry", { state: "failed", tenant: tenants[0] });
  await until("digests", async () => new Set((await program.ask("GET", "/digests")).items.map((d) => d.tenant)).size === tenants.length);
}

after(async () => {
  await browser?.close();
  await program?.stop();
  data?.remove();
});

// kind names the page that an address is of: one record stands for all.
function kind(url) {
  const u = new URL(url);
  const path = u.pathname.replace(/\/(?=[^/]*[0-9])[^/]+/g, "/:id").replace(/(\/connections\/[^/]+)\/[^/]+/, "$1/:id").replace(/^\/sign-ons\/[^/]+/, "/sign-ons/:id");
  const view = [...["view", "tab", "show"].map((name) => u.searchParams.get(name)), u.searchParams.has("preset") && "preset"].filter(Boolean).join("-");
  return (path === "/" ? "overview" : path.slice(1).replaceAll("/", "_").replaceAll(":", "")) + (view ? `_${view}` : "");
}

const left = [/^\/(api|assets|openapi|healthz|readyz|metrics|logout|events\/stream)/, /export/, /stream/];

// look judges a page in light and dark, and what becomes of it in a reader's hands. Each fault bears the picture on which it can be seen.
async function look(reader, path, name) {
  const { page, lang, width } = reader;
  const faults = [];
  for (const mode of ["light", "dark"]) {
    reader.mode = mode;
    await page.emulateMedia({ colorScheme: mode, reducedMotion: "reduce" });
    // Of all that axe looks for, only contrast differs from light to dark.
    const found = mode === "light" ? [...await ownFaults(page, lang), ...await axeFaults(page)] : await axeFaults(page, ["color-contrast"]);
    // Focus, zoom and dialogs are the same in both colours, and contrast under the pointer is the same in both languages.
    if (width === "desktop" && lang === "en") found.push(...await hovered(page));
    if (width === "desktop" && mode === "light") found.push(...await focused(page), ...await narrow(page), ...await spaced(page));
    if (width === "desktop" && mode === "dark" && lang === "en") found.push(...await forced(page));
    if (width === "phone" && mode === "light") found.push(...await dialogs(page));
    if (width === "desktop" && mode === "light" && lang === "zh") found.push(...await english(page, known));
    const picture = await reader.shot(name);
    faults.push(...found.map((what) => ({ where: `${path} ${lang} ${width} ${mode}, see ${picture}`, what })));
  }
  return faults;
}

async function crawl(lang) {
  const seen = new Map([["overview", "/"]]);
  const faults = [];
  const desktop = await Reader.open(browser, program.url, { lang, cookies });
  const phone = await Reader.open(browser, program.url, { lang, cookies, width: "phone" });
  const queue = ["/"];
  while (queue.length) {
    const path = queue.shift();
    const res = await desktop.go(path);
    await phone.go(path);
    const name = kind(desktop.page.url());
    if (res.status() !== 200) faults.push({ where: path, what: `status ${res.status()}` });
    faults.push(...await look(desktop, path, name), ...await look(phone, path, name));
    const links = await desktop.page.evaluate(() => [...document.querySelectorAll("a[href]:not([download])")].map((a) => a.href));
    for (const link of links) {
      const u = new URL(link);
      if (u.origin !== program.url || left.some((p) => p.test(u.pathname)) || seen.has(kind(link))) continue;
      seen.set(kind(link), u.pathname + u.search);
      queue.push(u.pathname + u.search);
    }
    assert.ok(seen.size <= most, `more than ${most} kinds of pages: ${[...seen.keys()].join(" ")}`);
  }
  for (const reader of [desktop, phone]) {
    faults.push(...reader.faults);
    reader.faults = [];
    await reader.close();
  }
  return { seen: [...seen.keys()].sort(), faults };
}

describe("every page", { concurrency: true }, () => {
  const found = {};
  for (const lang of ["en", "zh"]) {
    test(`in ${lang}`, async (t) => {
      const { seen, faults } = await crawl(lang);
      found[lang] = seen;
      t.diagnostic(`${seen.length} pages: ${seen.join(" ")}`);
      none(faults);
    });
  }
  after(() => assert.deepEqual(found.en, found.zh, "both languages have the same pages"));
});

test("a page that is not there says so, in the console's own frame", async () => {
  for (const lang of ["en", "zh"]) {
    const reader = await Reader.open(browser, program.url, { lang, cookies });
    reader.expects(/nowhere.*404/);
    assert.equal((await reader.go("/nowhere")).status(), 404);
    none(await look(reader, "/nowhere", "lost"));
    assert.ok(await reader.page.locator(".nav a").count() > 0);
    await reader.close();
  }
});

test("without a session there is the log-in alone", async () => {
  for (const lang of ["en", "zh"]) {
    for (const width of ["desktop", "phone"]) {
      for (const mode of ["light", "dark"]) {
        const reader = await Reader.open(browser, program.url, { lang, width, mode });
        await reader.go("/");
        assert.equal(new URL(reader.page.url()).pathname, "/login");
        none([...await ownFaults(reader.page, lang), ...await axeFaults(reader.page)].map((what) => ({ where: `${lang} ${width} ${mode}`, what })));
        await reader.shot("login");
        await reader.close();
      }
    }
  }
});
