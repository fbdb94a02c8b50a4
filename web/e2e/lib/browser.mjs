// Debian's chromium, and readers who look at the console with it.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { none } from "./judge.mjs";

export const output = join(import.meta.dirname, "../output");

export const widths = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

/** launch starts the browser. No name resolves in it but this machine's, so that what a page asks of another host fails as well as being told. */
export function launch() {
  mkdirSync(output, { recursive: true });
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ],
  });
}

/** A Reader is a person with a browser: a language, a width, light or dark. What goes wrong in his pages is kept. */
export class Reader {
  static async open(browser, base, { lang = "en", width = "desktop", mode = "light", zone = "Asia/Shanghai", cookies, downloads = false, scripts = true } = {}) {
    const context = await browser.newContext({
      viewport: widths[width], colorScheme: mode, locale: lang === "zh" ? "zh-CN" : "en-GB", timezoneId: zone, reducedMotion: "reduce",
      hasTouch: width === "phone", isMobile: width === "phone", acceptDownloads: downloads, javaScriptEnabled: scripts,
    });
    context.setDefaultTimeout(15_000);
    if (cookies) await context.addCookies(cookies);
    return new Reader(context, await context.newPage(), base, { lang, width, mode });
  }

  constructor(context, page, base, tastes) {
    Object.assign(this, { context, page, base, ...tastes });
    this.faults = [];
    this.expected = [];
    const host = new URL(base).host;
    context.on("request", (r) => {
      const u = new URL(r.url());
      if (!["data:", "blob:"].includes(u.protocol) && u.host !== host) this.faults.push(`${page.url()} asks another host: ${r.url()}`);
    });
    context.on("console", (m) => {
      if (m.type() === "error") this.faults.push(`${page.url()} console: ${m.text()} ${m.location().url}`);
    });
    context.on("weberror", (e) => this.faults.push(`${page.url()} script: ${e.error().stack}`));
    context.on("response", (r) => {
      if (r.status() >= 500) this.faults.push(`${r.url()} answers ${r.status()}`);
    });
  }

  /** expects says that a fault that matches will come, such as the browser's note on an answer 422. */
  expects(pattern) { this.expected.push(pattern); }

  /** sound fails where something went wrong that nobody expected. */
  sound() {
    const bad = this.faults.filter((f) => !this.expected.some((e) => e.test(f)));
    this.faults = [];
    none(bad);
  }

  /** go opens a page of the console. */
  async go(path) {
    const res = await this.page.goto(this.base + path, { waitUntil: "load" });
    return res;
  }

  /** shot keeps a picture of the whole page. */
  async shot(name) {
    const file = join(output, `${name}-${widths[this.width].width}-${this.mode}-${this.lang}.png`);
    await this.page.screenshot({ path: file, fullPage: true, animations: "disabled" });
    return file;
  }

  async close() {
    await this.context.close();
    this.sound();
  }
}
