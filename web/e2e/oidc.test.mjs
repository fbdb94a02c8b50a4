// Log-in at an OIDC provider, simulated here: the button, the pages of what can go wrong, a role by rule, and the account page.
import assert from "node:assert/strict";
import { createHash, createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, Reader } from "./lib/browser.mjs";
import { firstAdmin, logIn } from "./lib/door.mjs";
import { axeFaults, none, ownFaults } from "./lib/judge.mjs";
import { folder, freePort, serve } from "./lib/program.mjs";

const b64 = (x) => Buffer.from(typeof x === "string" ? x : JSON.stringify(x)).toString("base64url");

// A Provider lets in whoever `person` says, at once; it checks the code's verifier as a real one does.
class Provider {
  constructor(port) {
    this.issuer = `http://127.0.0.1:${port}`;
    this.port = port;
    this.person = null;
    this.down = false;
    this.codes = new Map();
    this.keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
    this.server = createServer((req, res) => this.answer(req, res));
  }

  start() { return new Promise((done) => { this.server.listen(this.port, "127.0.0.1", done); }); }

  stop() { this.server.closeAllConnections(); return new Promise((done) => { this.server.close(done); }); }

  async answer(req, res) {
    const url = new URL(req.url, this.issuer);
    const json = (status, body) => { res.writeHead(status, { "Content-Type": "application/json" }); res.end(JSON.stringify(body)); };
    if (this.down) return json(503, { error: "maintenance" });
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return json(200, {
          issuer: this.issuer, authorization_endpoint: `${this.issuer}/auth`, token_endpoint: `${this.issuer}/token`, jwks_uri: `${this.issuer}/keys`,
          id_token_signing_alg_values_supported: ["RS256"], response_types_supported: ["code"], subject_types_supported: ["public"],
        });
      case "/keys":
        return json(200, { keys: [{ ...this.keys.publicKey.export({ format: "jwk" }), kid: "k1", alg: "RS256", use: "sig" }] });
      case "/auth": {
        const q = url.searchParams;
        const back = new URL(q.get("redirect_uri"));
        back.searchParams.set("state", q.get("state"));
        if (this.person) {
          const code = randomUUID();
          this.codes.set(code, { nonce: q.get("nonce"), challenge: q.get("code_challenge"), person: this.person });
          back.searchParams.set("code", code);
        } else back.searchParams.set("error", "access_denied");
        res.writeHead(302, { Location: back.href });
        return res.end();
      }
      case "/token": {
        let body = "";
        for await (const part of req) body += part;
        const form = new URLSearchParams(body);
        const asked = this.codes.get(form.get("code"));
        this.codes.delete(form.get("code"));
        const right = asked && createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url") === asked.challenge;
        if (!right) return json(400, { error: "invalid_grant" });
        const now = Math.floor(Date.now() / 1000);
        const claims = { iss: this.issuer, aud: "todosync", iat: now, exp: now + 300, nonce: asked.nonce, ...asked.person };
        const text = `${b64({ alg: "RS256", kid: "k1" })}.${b64(claims)}`;
        return json(200, { access_token: "a", token_type: "Bearer", id_token: `${text}.${createSign("RSA-SHA256").update(text).sign(this.keys.privateKey, "base64url")}` });
      }
      default:
        return json(404, {});
    }
  }
}

const data = folder();
let browser, provider, program;

before(async () => {
  browser = await launch();
  provider = new Provider(await freePort());
  await provider.start();
  const secret = join(data.dir, "oidc-secret");
  await writeFile(secret, "a client's secret", { mode: 0o600 });
  program = await serve(data.dir, "--oidc-issuer", provider.issuer, "--oidc-client-id", "todosync", "--oidc-client-secret-file", secret, "--oidc-name", "Example ID",
    "--oidc-rule", "oa-admins=admin", "--oidc-rule", "oa-{tenant}=operator");
});

after(async () => {
  await program?.stop();
  await provider?.stop();
  await browser?.close();
  data.remove();
});

// The provider is another host to the console: a reader who goes there does so on purpose.
const expected = [/asks another host: http:\/\/127\.0\.0\.1:\d+\/auth/, /status of 4\d\d/, /status of 503/, /answers 503/];

async function open(tastes) {
  const reader = await Reader.open(browser, program.url, tastes);
  for (const e of expected) reader.expects(e);
  return reader;
}

async function sound(reader, name) {
  none([...await axeFaults(reader.page), ...await ownFaults(reader.page, reader.lang)]);
  await reader.shot(name);
}

async function goIn(reader) {
  await reader.go("/login?next=%2Faccount");
  await reader.page.locator("form[action='/oidc'] button").click();
  await reader.page.waitForURL((u) => u.href.startsWith(program.url) && !u.pathname.startsWith("/login") && u.pathname !== "/oidc");
}

test("an admin comes by a password first", async () => {
  const reader = await open();
  await firstAdmin(reader, program);
  await reader.close();
});

test("while the provider is away its button says so, and a password does", async () => {
  provider.down = true;
  provider.person = { sub: "late" };
  const reader = await open();
  const { page } = reader;
  await reader.go("/login");
  await page.locator("form[action='/oidc'] button").click();
  await page.waitForURL((u) => u.pathname !== "/login");
  await page.locator("[role=alert]").waitFor();
  assert.match(await page.locator("[role=alert]").innerText(), /does not answer|not let you in/);
  await sound(reader, "oidc-away");
  await logIn(reader);
  await reader.close();
  provider.down = false;
});

for (const [lang, width, mode] of [["en", "desktop", "light"], ["zh", "phone", "dark"]]) {
  test(`the provider's people, ${lang} on a ${width}`, async () => {
    const sub = `${lang}-1`;
    const reader = await open({ lang, width, mode });
    const { page } = reader;
    await reader.go("/login");
    assert.match(await page.locator("form[action='/oidc']").innerText(), /Example ID/);
    await sound(reader, "oidc-login");

    provider.person = null;
    await goIn(reader);
    assert.match(await page.locator("[role=alert]").innerText(), lang === "zh" ? /没有成功/ : /not let you in/);
    await sound(reader, "oidc-refused");

    provider.person = { sub, preferred_username: `zoe-${lang}`, groups: ["others"] };
    await goIn(reader);
    assert.match(await page.locator("[role=alert]").innerText(), lang === "zh" ? /管理员先批准[\s\S]*zoe-zh/ : /admin has to allow you first[\s\S]*zoe-en/);
    await sound(reader, "oidc-waits");

    provider.person = { ...provider.person, groups: "oa-admins" };
    await goIn(reader);
    assert.equal(new URL(page.url()).pathname, "/account");
    assert.equal(await page.locator("h1").innerText(), `zoe-${lang}`);
    assert.equal(await page.locator("input[type=password]").count(), 0);
    await sound(reader, "oidc-account");

    const other = await open({ lang, width, mode });
    await goIn(other);
    await other.close();
    await reader.go("/account");
    await page.locator("form[action='/account/sessions/others'] button").click();
    await page.locator(".flash").waitFor();
    assert.equal(await page.locator(".session").count(), 1);

    await reader.go("/settings/users?q=zoe");
    await page.locator("#main").getByRole("link", { name: `zoe-${lang}` }).click();
    assert.ok(await page.locator("input[name=byRule]").isChecked());
    await sound(reader, "oidc-user");

    // Who has lost his group is out at his next log-in, and so are his sessions.
    provider.person = { ...provider.person, groups: [] };
    const again = await open({ lang, width, mode });
    await goIn(again);
    assert.match(await again.page.locator("[role=alert]").innerText(), lang === "zh" ? /管理员先批准/ : /admin has to allow you first/);
    await again.close();
    await reader.go("/account");
    assert.equal(new URL(page.url()).pathname, "/login");
    await reader.close();
  });
}

test("an answer that this browser did not ask for lets nobody in", async () => {
  const reader = await open();
  const res = await reader.go("/oidc/callback?state=x&code=y");
  assert.equal(res.status(), 403);
  assert.match(await reader.page.locator("[role=alert]").innerText(), /not let you in/);
  await reader.close();
});
