// The way into the console.
import { readFile } from "node:fs/promises";
import { join } from "node:path";

export const password = "a few words that nobody guesses";

/** firstAdmin opens the one-time link of a fresh server and makes the first user, who is then logged in. */
export async function firstAdmin(reader, program, name = "ada") {
  const { page } = reader;
  const link = (await readFile(join(program.dir, "first-admin-link"), "utf8")).match(/https?:\/\/\S+/)[0];
  await page.goto(link);
  await page.locator("#name").fill(name);
  await page.locator("#password").fill(password);
  await page.locator("#again").fill(password);
  await page.locator("main form button.primary").click();
  await page.locator(".shell").waitFor();
  return link;
}

/** addUser makes a user over the API. */
export function addUser(program, name, role, tenants) {
  return program.ask("POST", "/users", { name, role, password, ...(tenants ? { tenants } : {}) });
}

/** logIn logs a reader in. */
export async function logIn(reader, name = "ada") {
  const { page } = reader;
  await reader.go("/login");
  await page.locator("#name").fill(name);
  await page.locator("#password").fill(password);
  await page.locator("form[action='/login'] button").click();
  await page.locator(".shell").waitFor();
}
