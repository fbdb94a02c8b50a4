// The real program and the simulated OAs, each as a process with a data folder and ports of its own.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const binary = resolve(process.env.TODOSYNC ?? join(import.meta.dirname, "../../../bin/todosync"));
const startPatience = 60_000; // ms; a crowded machine is slow
const stopPatience = 20_000;

/** environment is the caller's without what would change the program's settings or language. */
function environment() {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TODOSYNC") && !/^(LANG|LC_)/.test(name)));
  return { ...env, LANG: "C.UTF-8" };
}

/** run runs a command of the program to its end and gives what it printed. */
export async function run(args, { input = "" } = {}) {
  const child = spawn(binary, args, { env: environment(), stdio: ["pipe", "pipe", "pipe"] });
  let out = "";
  let err = "";
  child.stdout.on("data", (b) => { out += b; });
  child.stderr.on("data", (b) => { err += b; });
  child.stdin.end(input);
  const code = await new Promise((done, fail) => { child.on("error", fail); child.on("close", done); });
  if (code !== 0) throw new Error(`todosync ${args.join(" ")} exited with ${code}:\n${out}${err}`);
  return out;
}

/** folder makes a data folder that nobody else has; end removes it. */
export function folder() {
  const dir = mkdtempSync(join(tmpdir(), "todosync-e2e-"));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

// A child is a process that runs until it is stopped. It is ready when a line of its output is what `found` looks for.
async function start(args, found) {
  const child = spawn(binary, args, { env: environment(), stdio: ["ignore", "pipe", "pipe"] });
  const said = [];
  const ended = new Promise((done) => { child.on("close", (code) => done(code)); });
  const ready = new Promise((done, fail) => {
    const late = setTimeout(() => fail(new Error(`todosync ${args[0]} is not ready after ${startPatience} ms:\n${said.join("\n")}`)), startPatience);
    child.on("error", fail);
    ended.then((code) => fail(new Error(`todosync ${args[0]} ended with ${code}:\n${said.join("\n")}`)));
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        said.push(line);
        if (said.length > 2000) said.shift();
        const what = found(line);
        if (what) { clearTimeout(late); done(what); }
      });
    }
  });
  const stop = async () => {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), stopPatience);
    await ended;
    clearTimeout(late);
  };
  try {
    return { at: await ready, said, stop };
  } catch (err) {
    await stop();
    throw err;
  }
}

/** freePort is a port that nobody has at the moment. */
export async function freePort() {
  const server = createServer();
  await new Promise((done, fail) => { server.on("error", fail); server.listen(0, "127.0.0.1", done); });
  const { port } = server.address();
  await new Promise((done) => { server.close(done); });
  return port;
}

/** serve starts the program on a data folder. It is told its own address, which links in todos and digests begin with. */
export async function serve(dir, ...more) {
  const listen = `127.0.0.1:${await freePort()}`;
  const args = [
    "serve", "--data-dir", dir, "--listen", listen, "--public-url", `http://${listen}`, "--nats-listen", "127.0.0.1:0", "--log-format", "json", "--drain", "2s", ...more,
  ];
  const child = await start(args, (line) => {
    try {
      const said = JSON.parse(line);
      return said.msg === "ready" && said;
    } catch {
      return null; // a line for people
    }
  });
  return new Program(dir, child);
}

/** A Program is one `todosync serve`. */
class Program {
  constructor(dir, child) {
    this.dir = dir;
    this.child = child;
    this.url = child.at.api;
  }

  /** log is what the program has logged so far. */
  get log() { return this.child.said; }

  stop() { return this.child.stop(); }

  async token() { return (await readFile(join(this.dir, "admin-token"), "utf8")).trim(); }

  /** ask calls the API as the admin. */
  async ask(method, path, body, type = "application/json", headers = {}) {
    const res = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${await this.token()}`, ...(body === undefined ? {} : { "Content-Type": type }), ...headers },
      body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
    });
    const text = await res.text();
    if (!res.ok) throw new Error(`${method} ${path}: ${res.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  }

  /** command runs a command of the program against this server. */
  command(...args) { return run([...args, "--server", this.url, "--data-dir", this.dir]); }
}

/** publish gives NATS what no CRM should: the API would refuse it. */
export async function publish(nats, subject, payloads) {
  const { hostname, port } = new URL(nats);
  const socket = createConnection(Number(port), hostname);
  const sent = payloads.map((text) => `PUB ${subject} ${Buffer.byteLength(text)}\r\n${text}\r\n`).join("");
  await new Promise((done, fail) => {
    let said = "";
    socket.on("error", fail);
    socket.on("data", (b) => {
      said += b;
      if (said.includes("-ERR")) fail(new Error(said));
      if (said.includes("PONG")) done();
    });
    socket.write(`CONNECT {"verbose":false}\r\n${sent}PING\r\n`);
  });
  socket.end();
}

/** simulate starts one simulated OA. */
export async function simulate(vendor, ...more) {
  const child = await start(["simulate", "--vendor", vendor, "--listen", "127.0.0.1:0", ...more], (line) => line.match(/https?:\/\/[^\s/]+/)?.[0]);
  const url = child.at;
  const sim = async (method, path, body) => {
    const res = await fetch(`${url}/_sim/${path}`, { method, body: body === undefined ? undefined : JSON.stringify(body) });
    if (!res.ok) throw new Error(`${method} /_sim/${path}: ${res.status}`);
    return res.status === 204 ? null : res.json();
  };
  return {
    url,
    stop: child.stop,
    /** todos are those of the OA's inbox. */
    todos: async () => (await sim("GET", "todos")).items,
    /** script has the next calls that match answered by steps; see package oasim. */
    script: (rule) => sim("POST", "script", rule),
    /** mend forgets the script. */
    mend: () => sim("DELETE", "script"),
  };
}

/** until waits for a condition that no event tells of, and gives what it gave. */
export async function until(what, condition, patience = 30_000) {
  const end = Date.now() + patience;
  let last;
  while (Date.now() < end) {
    try {
      const got = await condition();
      if (got) return got;
      last = undefined;
    } catch (err) {
      last = err;
    }
    await new Promise((next) => { setTimeout(next, 50); }); // between two looks
  }
  throw new Error(`${what}: not within ${patience} ms`, { cause: last });
}
