// What CRMs and OAs send at their worst: markup, words without an end, letters from right to left, control characters, an answer of a megabyte;
// and much of it. No page runs any of it, grows wider than the screen, or grows so heavy that a phone cannot load it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, Reader } from "./lib/browser.mjs";
import { addUser, logIn } from "./lib/door.mjs";
import { axeFaults, none, ownFaults } from "./lib/judge.mjs";
import { folder, publish, serve, simulate, until } from "./lib/program.mjs";
import { narrow } from "./lib/strain.mjs";

const tenant = "714439";
const heaviest = 600_000; // bytes of a page's HTML, whatever is in the store

const markup = `<script>window.pwned=1</script><img src=x onerror="window.pwned=2">"'><svg onload=window.pwned=3>\${window.pwned=4}{{7*7}}]]>&amp;`;
const titles = {
  markup,
  endless: "ж".repeat(10_000),
  "without a break": `https://crm.example.com/${"a/b".repeat(300)}`,
  "right to left": "\u202Eاعتماد عرض السعر\u202C مرحبا \u2067بالعالم\u2069",
  "beyond the plane": "👩‍👩‍👧‍👦🏳️‍🌈🇨🇳𠮷𠮷 e\u0301\u0301\u0301\u0301 \uFEFF\u200B",
  controls: "line one\nline two\ttab\u0001\u001b[31m \u2028 end",
  formula: "=cmd|' /C calc'!A0",
};

let browser;
let program;
let data;
let oa;
let cookies;

before(async () => {
  data = folder();
  [program, oa, browser] = await Promise.all([serve(data.dir), simulate("generic"), launch()]);
  await program.ask("PUT", `/tenants/${tenant}`, { apiVersion: "todosync/v1", kind: "Tenant", tenant, title: markup.slice(0, 100), language: "en", notify: { window: "1s", channels: [{ type: "crm", to: ["crm-admins"] }] } });
  // One answers with a megabyte that nobody understands, one waits for accounts that nobody has, and a hundred do nothing.
  const connection = (name, title, more) => program.ask("PUT", `/tenants/${tenant}/connections/${name}`, {
    apiVersion: "todosync/v1", kind: "Connection", tenant, name, title, protocol: "rest", variables: { base: oa.url },
    result: { codeName: "code", msgName: "message", successCode: "0" },
    scenes: { create: { address: "${base}/todo", body: '{"id": "#F012", "title": "#F055", "to": "#F001"}' } }, ...more,
  });
  await oa.script({ match: {}, steps: [{ do: "huge", size: 1 << 20 }], always: true });
  await connection("huge", markup.slice(0, 100));
  await connection("waits", "endless".repeat(14));
  await Promise.all(Array.from({ length: 100 }, (_, i) => connection(`oa-${i}`, `OA ${i} ${"名".repeat(i)}`, { enabled: false })));
  const people = Object.entries(titles).map(([name, title], i) => ({ crm_user_id: `u${i + 1}`, crm_user_name: title.slice(0, 200), oa_account: `${markup.slice(0, 100)} ${i}` }));
  await Promise.all(people.map((one) => program.ask("PUT", `/tenants/${tenant}/connections/huge/bindings`, one)));
  let n = 0;
  for (const title of Object.values(titles)) {
    n++;
    await program.ask("POST", "/events", {
      tenant, kind: "todo", action: "create", id: `nasty-${n}`, time: new Date().toISOString(),
      todo: {
        id: `todo ${n}/<b>?&#%`, version: 1, type: "approval", status: "pending", title, itemTitle: title, content: `${title}\n`.repeat(3),
        createdAt: new Date().toISOString(), url: "https://crm.example.com/todo/1", mobileUrl: "https://crm.example.com/todo/1",
        object: { apiName: "O<i>", label: title.slice(0, 200), dataId: "1", name: title.slice(0, 200) }, sender: { id: "s1", name: markup }, receivers: [{ id: `u${n}`, name: title.slice(0, 200) }, { id: `nobody ${n}`, name: title.slice(0, 200) }],
      },
    });
  }
  // What is no event at all is kept whole, and shown.
  await publish(program.child.at.nats, `crm.${tenant}.todo.create`, [markup, "\u0000\u0001\u0002", `{"tenant": "${tenant}", "kind": "todo", "todo": {"title": "${"x".repeat(200_000)}"}}`]);
  await until("what was rejected", async () => (await program.ask("GET", "/rejected")).items.length === 3);
  await until("records", async () => (await program.ask("GET", "/records?limit=100&connection=waits")).items.length === Object.keys(titles).length);
  await until("answers of a megabyte", async () => (await program.ask("GET", "/records?limit=100&connection=huge&state=failed")).items.length === Object.keys(titles).length);
  await addUser(program, "ada", "admin");
  const reader = await Reader.open(browser, program.url);
  await logIn(reader);
  cookies = (await reader.context.cookies()).filter((c) => !/lang|theme|zone/.test(c.name));
  await reader.close();
});

after(async () => {
  await browser?.close();
  await program?.stop();
  await oa?.stop();
  data?.remove();
});

test("no page runs, breaks or swells", async () => {
  const { items } = await program.ask("GET", "/records?limit=100&connection=huge,waits");
  const events = (await program.ask("GET", "/events?limit=10")).items;
  const worst = ["markup", "endless", "right to left", "controls"].map((name) => items.find((r) => r.title.trim().startsWith(titles[name].slice(0, 10).trim()))).filter(Boolean);
  assert.ok(worst.length >= 3, `the nasty todos have records: ${items.map((r) => r.title.slice(0, 12))}`);
  const tried = items.find((r) => r.connection === "huge" && r.tries > 0);
  const pages = [
    "/", "/records", "/records?q=window.pwned", ...worst.map((r) => `/records/${r.id}`), ...(tried ? [`/records/${tried.id}`, `/records/${tried.id}/values`, `/records/${tried.id}/retry`] : []),
    "/events", ...events.slice(0, 1).map((e) => `/events/${tenant}/${e.id ?? e.event}`), "/rejected", "/connections", `/connections/${tenant}/huge`, `/connections/${tenant}/huge/edit`, `/connections/${tenant}/waits`,
    `/bindings?tenant=${tenant}&connection=waits&show=unbound`, `/bindings?tenant=${tenant}&connection=huge`, "/digests", "/settings/tenants", "/settings/audit",
  ];
  const faults = [];
  const desktop = await Reader.open(browser, program.url, { cookies });
  const phone = await Reader.open(browser, program.url, { cookies, width: "phone" });
  for (const path of pages) {
    for (const reader of [desktop, phone]) {
      const { page } = reader;
      const res = await reader.go(path);
      const found = [...await ownFaults(page, "en"), ...await axeFaults(page)];
      if (reader === desktop) found.push(...await narrow(page));
      if (res.status() !== 200) found.push(`status ${res.status()}`);
      const weight = (await res.body()).length;
      if (weight > heaviest) found.push(`${weight} bytes of HTML`);
      if (path === "/records" && (await page.locator("main > .note").count()) > 4) found.push("what does not go pushes the records off the screen");
      const ran = await page.evaluate(() => window.pwned);
      if (ran !== undefined) found.push(`a script of the data ran: ${ran}`);
      const picture = await reader.shot(`nasty-${path.replace(/[0-9A-Z]{26}/, "").replace(/\W+/g, "_").slice(0, 40)}`);
      faults.push(...found.map((what) => ({ where: `${path} ${reader.width}, see ${picture}`, what })));
    }
  }
  for (const reader of [desktop, phone]) {
    faults.push(...reader.faults);
    reader.faults = [];
    await reader.close();
  }
  none(faults);
});
