/**
 * Writes docs/directives/ and docs/variables.md from the rows of all modules; with `--check`, fails where they are
 * not what the rows say.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { directivesIndex, directivesPage, hasDirectives } from "./reference/directives.ts"
import { filledPages } from "./reference/pages.ts"
import { variablesPage, withoutText } from "./reference/variables.ts"

const DOCS = fileURLToPath(new URL("../docs/", import.meta.url))

/** The generated files, by their paths below docs/. */
function reference(): Map<string, string> {
  const pages = filledPages()
  const files = new Map<string, string>()
  files.set("directives/README.md", directivesIndex(pages))
  for (const page of pages.filter(hasDirectives))
    files.set(`directives/${page.name}.md`, directivesPage(page))
  files.set("variables.md", variablesPage(pages))
  return files
}

/** Files in docs/directives/ that nothing is generated for any more. */
function leftOver(files: ReadonlyMap<string, string>): string[] {
  const folder = `${DOCS}directives`
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .map((name) => `directives/${name}`)
    .filter((path) => !files.has(path))
}

function write(files: ReadonlyMap<string, string>): void {
  mkdirSync(`${DOCS}directives`, { recursive: true })
  for (const [path, text] of files) writeFileSync(DOCS + path, text)
  for (const path of leftOver(files)) rmSync(DOCS + path)
}

function isUpToDate(path: string, text: string): boolean {
  return existsSync(DOCS + path) && readFileSync(DOCS + path, "utf8") === text
}

function main(args: readonly string[]): void {
  const files = reference()
  const unsaid = withoutText(filledPages())
  if (unsaid.length > 0) {
    process.stderr.write(`no text in scripts/reference/variable-texts.ts: ${unsaid.join(" ")}\n`)
    process.exitCode = 1
  }
  if (!args.includes("--check")) return write(files)
  const stale = [
    ...[...files].filter(([path, text]) => !isUpToDate(path, text)).map(([path]) => path),
    ...leftOver(files),
  ]
  if (stale.length === 0) return
  process.stderr.write(`not what the rows say: docs/${stale.join(", docs/")}: run \`npm run docs\`\n`)
  process.exitCode = 1
}

main(process.argv.slice(2))
