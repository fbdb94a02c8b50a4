// The way into the console.

const name = "ada", password = "three brown bears";

/** logIn logs a reader in as an admin, who is made if he is not there. */
export async function logIn(reader, program) {
  const { page } = reader;
  await program.ask("POST", "/users", { name, password, role: "admin" }).catch((err) => {
    if (!String(err).includes("409")) throw err;
  });
  await reader.go("/login");
  await page.locator("#name").fill(name);
  await page.locator("#password").fill(password);
  await page.locator("form[action='/login'] button").click();
  await page.locator(".shell").waitFor();
}
