// The way into the console.

/** logIn logs a reader in as the admin. */
export async function logIn(reader, program) {
  const { page } = reader;
  await reader.go("/login");
  await page.locator("#token").fill(await program.token());
  await page.locator("form[action='/login'] button").click();
  await page.locator(".shell").waitFor();
}
