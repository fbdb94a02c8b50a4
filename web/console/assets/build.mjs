// Bundles the console's scripts and styles into ../static, with the licences of what they contain.
import { build } from "esbuild";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const out = "../static";
const result = await build({
  entryPoints: readdirSync("src").filter((f) => /\.(js|css)$/.test(f)).map((f) => `src/${f}`),
  bundle: true, minify: true, outdir: out, target: ["es2022"], format: "iife", legalComments: "none", metafile: true, charset: "utf8",
});
// Only packages whose code is in a bundle are named, each with its licence, whole.
const packages = new Set();
for (const file of Object.keys(result.metafile.inputs)) {
  const m = file.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//);
  if (m) packages.add(m[1]);
}
let text = "What the console's scripts and styles contain of others, and under which licences.\n";
for (const name of [...packages].sort()) {
  const dir = join("node_modules", name);
  const about = JSON.parse(readFileSync(join(dir, "package.json"), "utf8"));
  const licence = readdirSync(dir).find((f) => /^(licen[cs]e|copying)/i.test(f));
  text += `\n${"=".repeat(100)}\n${name} ${about.version} (${about.license})\n\n${licence ? readFileSync(join(dir, licence), "utf8").trim() : "The package names its licence and has no text of it."}\n`;
}
writeFileSync(join(out, "LICENCES.txt"), text);
for (const [file, o] of Object.entries(result.metafile.outputs)) console.log(`${file}  ${(o.bytes / 1024).toFixed(1)} KB`);
