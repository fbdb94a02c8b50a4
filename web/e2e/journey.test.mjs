// One admin's first day: from the one-time link to a connected OA, a failure that is found and mended, bindings, and the digest that told of it.
// The steps build on each other; each is done as a person does it, by the names that he sees.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, Reader } from "./lib/browser.mjs";
import { firstAdmin, logIn } from "./lib/door.mjs";
import { folder, serve, simulate, until } from "./lib/program.mjs";

const tenant = "714439";
const name = "seeyon-hq";
let broken = ""; // the step that failed, whose successors have nothing to build on

let browser;
let program;
let data;
let oa;
let ada; // the reader of the whole story

before(async () => {
  data = folder();
  [program, oa, browser] = await Promise.all([serve(data.dir), simulate("seeyon"), launch()]);
  // Failures are summed up every two seconds, so that nobody waits for the digest.
  const settings = join(data.dir, "tenant.yaml");
  writeFileSync(settings, `apiVersion: todosync/v1\nkind: Tenant\ntenant: "${tenant}"\ntitle: 华东机电\nlanguage: zh\nnotify: {window: 2s, channels: [{type: crm, to: [crm-admins]}]}\n`);
  await program.command("apply", "-f", settings);
  ada = await Reader.open(browser, program.url);
  await ada.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: program.url });
});

after(async () => {
  await browser?.close();
  await program?.stop();
  await oa?.stop();
  data?.remove();
});

// file is the connection as an integrator writes it; bad has the mistake that the story is about.
function file(date) {
  return `apiVersion: todosync/v1
kind: Connection
tenant: "${tenant}"
name: ${name}
title: 致远OA 总部
preset: seeyon
variables:
  base: ${oa.url}
  registerCode: "3004"
scenes:
  create:
    body: |
      {"registerCode": "\${registerCode}", "taskId": "#F123_#F001", "title": "#F054 #F056 #F053", "senderName": "#F054",
       "state": "0", "thirdSenderId": "#F049", "thirdReceiverId": "#F001", "creationDate": "${date}", "content": "",
       "url": "#F109", "h5url": "#F110", "noneBindingSender": "", "noneBindingReceiver": "#F001"}
  remind: {enabled: false}
`;
}
const bad = "yesterday"; // no date that the OA understands
const good = "#F009";

let number = 0;
// emit has the CRM emit a new todo for somebody, and gives its title.
async function emit(user = "1002", userName = "韩梅梅") {
  number++;
  const title = `待审批：报价单 Q-${number}`;
  await program.ask("POST", "/events", {
    tenant, kind: "todo", action: "create", id: `e2e-${number}`, time: new Date().toISOString(),
    todo: {
      id: `todo-${number}`, version: 1, type: "approval", status: "pending", title, itemTitle: "报价单审批", content: "金额 10,000.00 & 折扣 <5%>",
      createdAt: new Date().toISOString(), url: "https://crm.example.com/todo/1", mobileUrl: "https://m.crm.example.com/todo/1",
      object: { apiName: "QuoteObj", label: "报价单", dataId: "6729aa", name: `Q-${number}` }, workflow: { name: "报价审批", node: "部门经理审批", instanceId: "wf-91" },
      sender: { id: "1001", name: "李雷" }, receivers: [{ id: user, name: userName }],
    },
  });
  return title;
}

// step runs one step of the story, with a picture of how it ends; what goes wrong in the browser meanwhile fails it.
function step(what, picture, run) {
  test(what, async (t) => {
    if (broken) {
      t.skip(`after "${broken}" there is nothing to go on with`);
      return;
    }
    broken = what; // until it has gone well
    try {
      await run(ada.page);
    } catch (err) {
      await ada.shot(`failed-${picture}`).catch(() => {});
      throw new Error(`${err.message}\nat ${ada.page.url()}, see output/failed-${picture}-…png`, { cause: err });
    }
    if (picture) await ada.shot(`journey-${picture}`);
    ada.sound();
    broken = "";
  });
}

// write puts a text into the editor's whole file, as somebody who pastes it.
async function write(p, text) {
  await p.locator("#tab-file").click();
  const content = p.locator("[data-file] .cm-content");
  await content.click();
  await p.keyboard.press("ControlOrMeta+a");
  await p.evaluate((t) => navigator.clipboard.writeText(t), text);
  await p.keyboard.press("ControlOrMeta+v");
}

// save saves what is in the editor, which first says what that will do.
async function save(p) {
  await p.locator("[data-save]").click();
  await p.locator("#review button[value=save]").click();
}

step("the first admin comes by the one-time link", "first-admin", async (p) => {
  const link = await firstAdmin(ada, program);
  await p.locator(".flash", { hasText: "You are the first admin" }).waitFor();
  await p.getByRole("link", { name: /connection/i }).first().waitFor();
  // The link has served: it lets nobody in any more.
  const stranger = await Reader.open(browser, program.url);
  stranger.expects(/first-admin.*40\d|40\d.*first-admin/);
  assert.notEqual((await stranger.page.goto(link)).status(), 200);
  await stranger.close();
});

step("an OA is connected from its preset", "connect", async (p) => {
  await p.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Connections" }).click();
  await p.getByRole("link", { name: "New connection" }).first().click();
  await p.waitForURL(/\/connections\/new/);
  await p.locator("a[href$='preset=seeyon']").click();
  await p.locator("input[name=tenant]").first().fill(tenant);
  await p.locator("input[name=name]").first().fill(name);
  await p.locator("#var-base").fill(oa.url);
  await p.locator("#var-registerCode").fill("3004");
  for (const secret of ["seeyon-user", "seeyon-password"]) await p.locator(`#secret-${secret}`).fill("e2e-secret");
  await p.getByRole("button", { name: "Go on in the editor" }).click();
  await p.locator("[data-editor]").waitFor();
  await write(p, file(bad));
  await p.locator("#preview").getByText("thirdpartyPending/receive").first().waitFor();
  await ada.shot("journey-editor");
  await save(p);
  await until("the connection", async () => (await program.ask("GET", "/connections")).items.length === 1);
  const { items } = await program.ask("GET", `/secrets?tenant=${tenant}`);
  assert.deepEqual(items.map((x) => x.name).sort(), ["seeyon-password", "seeyon-user"]);
});

step("bindings are imported, after a dry run that finds a wrong row", "import", async (p) => {
  await ada.go(`/bindings/import?tenant=${tenant}&connection=${name}`);
  const upload = (rows) => p.locator("#i-file").setInputFiles({ name: "bindings.csv", mimeType: "text/csv", buffer: Buffer.from(`crm_user_id,crm_user_name,oa_account\n${rows}`) });
  await upload("1001,李雷,lilei\n1002,韩梅梅,\n");
  ada.expects(/bindings\/import.*422|422.*bindings\/import/);
  await p.getByRole("button", { name: "Look at it first" }).click();
  await p.getByText("One row is wrong").waitFor();
  await p.getByText("oa_account: missing").waitFor();
  await p.locator("summary", { hasText: "Give another file" }).click();
  await upload("1001,李雷,lilei\n1002,韩梅梅,hanmeimei\n");
  await p.getByRole("button", { name: "Look at it first" }).click();
  await p.getByRole("heading", { name: "What bindings.csv would change" }).waitFor();
  assert.equal((await program.ask("GET", `/tenants/${tenant}/connections/${name}/bindings`)).items.length, 0, "a dry run binds nobody");
  await p.getByRole("button", { name: /^Import 2\srows$/ }).click();
  await p.getByRole("heading", { name: "Imported: bindings.csv" }).waitFor();
  assert.equal((await program.ask("GET", `/tenants/${tenant}/connections/${name}/bindings`)).items.length, 2);
});

step("a todo comes while the list is looked at, and its failure shows without a reload", "failed", async (p) => {
  const first = await emit();
  await until("the first record", async () => (await program.ask("GET", "/records")).items.length > 0);
  await ada.go("/records");
  await p.getByRole("link", { name: first }).waitFor();
  await emit();
  await p.locator("#news a").click();
  await p.locator("tbody tr").nth(1).waitFor();
  await until("both have failed", async () => (await program.ask("GET", "/records?state=failed")).items.length === 2);
});

let record;
step("the failure is found by what people search for, with the OA's words", "found", async (p) => {
  await ada.go("/");
  await p.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Sync records" }).click();
  await p.getByRole("navigation", { name: "Quick filters" }).getByRole("link", { name: "failed", exact: false }).first().click();
  await p.locator("tbody tr a.main-line").first().click();
  await p.waitForURL(/\/records\/[0-9A-Z]{26}/);
  record = new URL(p.url()).pathname;
  await p.locator(".verdict").getByText("参数creationDate格式不正确").waitFor();
  await p.getByRole("heading", { name: "What happened" }).waitFor();
  await p.locator("details.attempt pre").first().waitFor({ state: "attached" });
  assert.ok((await p.locator("details.attempt").first().innerText()) !== "");
});

step("the mapping is mended in the editor", "mended", async (p) => {
  await ada.go(`/connections/${tenant}/${name}/edit`);
  await p.locator("[data-editor]").waitFor();
  await write(p, file(good));
  await p.locator("#preview").getByText("thirdpartyPending/receive").first().waitFor();
  await save(p);
  await until("the second revision", async () => (await program.ask("GET", `/tenants/${tenant}/connections/${name}/revisions`)).items.length >= 2);
});

step("the record is retried with today's mapping, which is shown beside the old one, and the OA has the todo", "retried", async (p) => {
  await ada.go(record);
  await p.getByRole("link", { name: "Retry…" }).click();
  await p.locator(".diff-line.del").filter({ hasText: bad }).first().waitFor();
  await p.locator(".diff-line.add").filter({ hasText: "creationDate" }).first().waitFor();
  await p.getByRole("button", { name: "Send again" }).click();
  await p.waitForURL(new RegExp(record));
  await p.locator(".page-head .badge", { hasText: "succeeded" }).waitFor(); // it renews itself
  assert.equal((await oa.todos()).length, 1);
});

step("all that failed is retried by filter, as a job", "job", async (p) => {
  await ada.go("/records?state=failed");
  await p.locator("a[href*='/records/bulk'][href*='do=retry']").click(); // all that match, not chosen rows
  await p.locator("main form.panel button.primary").click();
  await until("nothing has failed any more", async () => (await program.ask("GET", "/records?state=failed")).items.length === 0);
  assert.equal((await oa.todos()).length, 2);
  await ada.go("/jobs");
  await p.locator("main table a, main .rows a").first().click();
  await p.waitForURL(/\/jobs\/.+/);
});

step("an OA that is down is seen at a glance, and its todos go when it is back", "down", async (p) => {
  await oa.script({ match: {}, steps: [{ do: "reset" }], always: true });
  for (let i = 0; i < 6; i++) await emit();
  await until("the connection is down", async () => (await program.ask("GET", "/connections")).items[0].heldFor === "down", 60_000);
  await ada.go("/records");
  await p.locator(".note.bad").filter({ hasText: /does not answer/ }).first().waitFor();
  await ada.go("/");
  await p.getByText(/does not answer|down/).first().waitFor();
  await ada.shot("journey-down-overview");
  await ada.go("/connections");
  await p.locator(".badge.bad").first().waitFor();
  await oa.mend();
  await until("all went", async () => (await oa.todos()).length === 8, 90_000);
});

step("who is not bound is found and bound, and what waited goes", "bound", async (p) => {
  await emit("1003", "王建国");
  await until("it waits", async () => (await program.ask("GET", "/records?state=held")).items.length === 1);
  await ada.go(`/bindings?tenant=${tenant}&connection=${name}&show=unbound`);
  await p.getByLabel(/OA account of 1003/).fill("wangjianguo");
  await p.locator("form.inline-form").getByRole("button", { name: "Bind" }).click();
  await until("it went", async () => (await oa.todos()).some((t) => t.account === "wangjianguo"));
});

step("the digest tells what failed and why, and leads to the record", "digest", async (p) => {
  await until("a digest", async () => (await program.ask("GET", "/digests")).items.length > 0);
  const { items } = await program.ask("GET", "/digests");
  await ada.go("/digests");
  await p.locator("main table a").first().waitFor();
  await ada.go(`/digests/${items.at(-1).id}`); // the oldest is of the mapping that was wrong
  await p.getByRole("heading", { name: "What failed and why" }).waitFor();
  await p.getByText("参数creationDate格式不正确").first().waitFor();
  await p.locator("main a[href^='/records/']").first().click();
  await p.waitForURL(/\/records\/[0-9A-Z]{26}/);
});

step("the language and the colours are a click away, and stay", "tastes", async (p) => {
  await ada.go("/");
  await p.getByRole("button", { name: "中文" }).click();
  await p.getByRole("heading", { level: 1, name: "概览" }).waitFor();
  await p.getByRole("button", { name: "深色" }).click();
  assert.equal(await p.locator("html").getAttribute("data-theme"), "dark");
  await ada.go("/connections");
  assert.equal(await p.locator("html").getAttribute("lang"), "zh-CN");
  assert.equal(await p.locator("html").getAttribute("data-theme"), "dark");
  await p.getByRole("button", { name: "English" }).click();
  await p.getByRole("heading", { level: 1, name: "Connections" }).waitFor();
});

test("on a phone the menu opens, and the way to a record is as short", async () => {
  const phone = await Reader.open(browser, program.url, { width: "phone" });
  await logIn(phone);
  const p = phone.page;
  assert.equal(await p.getByRole("link", { name: "Sync records" }).isVisible(), false);
  await p.getByRole("button", { name: "Menu" }).tap();
  await p.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Sync records" }).tap();
  await p.waitForURL(/\/records/);
  await p.locator("tbody tr a.main-line").first().tap();
  await p.waitForURL(/\/records\/[0-9A-Z]{26}/);
  await phone.shot("journey-phone-record");
  await phone.close();
});

test("without a mouse: every step by the keyboard, the focus is always seen", async () => {
  const reader = await Reader.open(browser, program.url);
  await logIn(reader);
  const p = reader.page;
  // tabTo goes on with Tab until the focus is where it should be; on the way each stop is seen.
  const tabTo = async (what, found) => {
    for (let i = 0; i < 80; i++) {
      await p.keyboard.press("Tab");
      const at = await p.evaluate(() => {
        const e = document.activeElement;
        const s = getComputedStyle(e);
        const box = e.getBoundingClientRect();
        return { text: (e.textContent || e.getAttribute("aria-label") || "").trim(), name: e.getAttribute("name") ?? "", tag: e.localName, outline: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0, shadow: s.boxShadow !== "none", seen: box.width > 0 && box.height > 0 };
      });
      if (at.tag === "body") continue;
      assert.ok(at.seen && (at.outline || at.shadow), `the focus is not seen on <${at.tag}> ${at.text.slice(0, 40)}`);
      if (found(at)) return at;
    }
    throw new Error(`Tab does not lead to ${what}`);
  };
  await tabTo("the skip link", (at) => at.text === "To the content");
  await p.keyboard.press("Enter");
  assert.equal(await p.evaluate(() => document.activeElement.id), "main");
  await reader.go("/");
  await tabTo("the records", (at) => at.text === "Sync records");
  await p.keyboard.press("Enter");
  await p.waitForURL(/\/records/);
  await p.keyboard.press("/");
  assert.equal(await p.evaluate(() => document.activeElement.matches("[data-search], [data-find]")), true, "/ goes to the search");
  await p.keyboard.type("Q-1");
  await p.keyboard.press("Enter");
  await p.waitForURL(/q=Q-1|find=|records\//);
  if (!/records\/[0-9A-Z]{26}/.test(p.url())) {
    await tabTo("the record", (at) => at.tag === "a" && at.text.includes("报价单 Q-1"));
    await p.keyboard.press("Enter");
    await p.waitForURL(/\/records\/[0-9A-Z]{26}/);
  }
  // A dialog takes the focus, keeps it, and gives it back.
  await tabTo("pushing again", (at) => at.text.startsWith("Push the todo again"));
  await p.keyboard.press("Enter");
  await p.locator("dialog[open]").waitFor();
  assert.equal(await p.evaluate(() => document.querySelector("dialog[open]").contains(document.activeElement)), true);
  await p.keyboard.press("Escape");
  await p.locator("dialog[open]").waitFor({ state: "detached" });
  assert.match(await p.evaluate(() => document.activeElement.textContent), /Push the todo again/);
  await reader.close();
});

test("without scripts the pages are there all the same", async () => {
  const reader = await Reader.open(browser, program.url, { scripts: false });
  const p = reader.page;
  await logIn(reader);
  await p.getByRole("link", { name: "Sync records" }).click();
  await p.locator("tbody tr a.main-line").first().click();
  await p.waitForURL(/\/records\/[0-9A-Z]{26}/);
  await p.getByRole("heading", { name: "What happened" }).waitFor();
  await reader.close();
});

test("a viewer sees no button that he may not use, and is refused where he tries", async () => {
  await program.ask("POST", "/users", { name: "victor", role: "viewer", password: "a few words that nobody guesses" });
  const reader = await Reader.open(browser, program.url);
  await logIn(reader, "victor");
  const p = reader.page;
  await reader.go("/records");
  assert.equal(await p.getByRole("button", { name: /Retry/ }).count(), 0);
  await reader.go("/connections");
  assert.equal(await p.getByRole("link", { name: "New connection" }).count(), 0);
  assert.equal(await p.getByRole("link", { name: "Settings" }).count(), 0);
  reader.expects(/403/);
  assert.equal((await reader.go(`/bindings/import?tenant=${tenant}`)).status(), 403);
  await reader.close();
});
