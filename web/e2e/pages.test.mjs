// Every page of the console, in both languages, both widths, light and dark: axe finds nothing, nothing is wider than the screen, nothing
// is asked of another host, no script fails. The pages are found by following links, so that a new page is looked at without a word here.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, output, Reader } from "./lib/browser.mjs";
import { addUser, logIn } from "./lib/door.mjs";
import { axeFaults, none, ownFaults } from "./lib/judge.mjs";
import { folder, run, serve } from "./lib/program.mjs";
import { rmSync } from "node:fs";

const most = 60; // pages; more of them means that two links to one page are taken for two

let browser;
let program;
let data;
let cookies;

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
});

after(async () => {
  await browser?.close();
  await program?.stop();
  data?.remove();
});

// kind names the page that an address is of: one record stands for all.
function kind(url) {
  const u = new URL(url);
  const path = u.pathname.replace(/\/(?=[^/]*[0-9])[^/]+/g, "/:id").replace(/(\/connections\/[^/]+)\/[^/]+/, "$1/:id");
  const view = ["view", "tab"].map((name) => u.searchParams.get(name)).filter(Boolean).join("-");
  return (path === "/" ? "overview" : path.slice(1).replaceAll("/", "_").replaceAll(":", "")) + (view ? `_${view}` : "");
}

const left = [/^\/(api|assets|docs|openapi|healthz|readyz|metrics|logout|events\/stream)/, /export/, /stream/];

// look judges a page in light and dark.
async function look(reader, path, name) {
  const faults = [];
  for (const mode of ["light", "dark"]) {
    reader.mode = mode;
    await reader.page.emulateMedia({ colorScheme: mode, reducedMotion: "reduce" });
    const found = [...await ownFaults(reader.page, reader.lang), ...await axeFaults(reader.page)];
    faults.push(...found.map((what) => ({ where: `${path} ${reader.lang} ${reader.width} ${mode}`, what })));
    await reader.shot(name);
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
