/**
 * Writes docs/rules/: a page for each rule of `check`, and a table of them. With `--check` nothing is written: it fails
 * where a page is not what its rule says, and where a rule lacks its file, its test or its place in the index.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { Rule } from "../src/check/rule.ts"
import { RULES } from "../src/check/rules/index.ts"

const ROOT = fileURLToPath(new URL("..", import.meta.url))
const DOCS = "docs/rules"
const SOURCES = "src/check/rules"
const TESTS = "test/check"

/** The pages by their names: what docs/rules/ is to hold. */
export function rulePages(rules: readonly Rule[]): Map<string, string> {
  const pages = rules.map((rule) => [`${rule.id}.md`, page(rule)] as const)
  return new Map([["README.md", table(rules)], ...pages])
}

const NOTE = "<!-- Made from the rule by `npm run docs`; not to be edited by hand. -->"

function table(rules: readonly Rule[]): string {
  const rows = rules.map(({ id, severity, title }) => `| [${id}](${id}.md) | ${severity} | ${title} |`)
  return `# Rules

${NOTE}

What [\`holdfast check\`](../check.md) looks for. The severity is the usual one: some findings of a rule are milder.

| rule | severity | what it finds |
|---|---|---|
${rows.join("\n")}
`
}

function page({ id, severity, title, page: { happens, shows, why, fix } }: Rule): string {
  return `# ${id}

${NOTE}

${title}. Severity: ${severity}.

## What happens

${escaped(happens)}

## Where it shows

${escaped(shows)}

## Why

${escaped(why)}

## What to write

\`\`\`nginx
${fix}
\`\`\`

To keep a line as it is, write above it \`# holdfast-disable-next-line ${id} -- reason\`. All rules: [README.md](README.md).
`
}

/** Prose; what stands between backquotes is code already. */
function escaped(text: string): string {
  return text
    .split("`")
    .map((part, index) =>
      index % 2 === 1 ? part : part.replaceAll(/[<>]/g, (sign) => (sign === "<" ? "&lt;" : "&gt;")),
    )
    .join("`")
}

/** What is wrong with the rules in the folder `root`, a line each. */
export function checkRules(root: string, rules: readonly Rule[]): string[] {
  const files = idsIn(join(root, SOURCES), ".ts").filter((id) => id !== "index")
  const ids = rules.map(({ id }) => id)
  const faults = [
    ...files
      .filter((id) => !ids.includes(id))
      .map((id) => `${SOURCES}/${id}.ts is not in ${SOURCES}/index.ts`),
    ...ids
      .filter((id) => !files.includes(id))
      .map((id) => `the rule "${id}" has no file ${SOURCES}/${id}.ts`),
    ...ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `the rule "${id}" is there twice`),
    ...ids
      .filter((id) => !existsSync(join(root, TESTS, `${id}.test.ts`)))
      .map((id) => `the rule "${id}" has no test ${TESTS}/${id}.test.ts`),
  ]
  const pages = rulePages(rules)
  for (const [name, text] of pages) {
    const path = join(root, DOCS, name)
    if (!existsSync(path) || readFileSync(path, "utf8") !== text)
      faults.push(`${DOCS}/${name} is not what the rule says: run \`npm run docs\``)
  }
  const rest = idsIn(join(root, DOCS), ".md").filter((id) => !pages.has(`${id}.md`))
  return [...faults, ...rest.map((id) => `${DOCS}/${id}.md is the page of no rule`)]
}

function idsIn(folder: string, ending: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length))
    .sort()
}

function writePages(): void {
  mkdirSync(join(ROOT, DOCS), { recursive: true })
  for (const [name, text] of rulePages(RULES)) writeFileSync(join(ROOT, DOCS, name), text)
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  if (!process.argv.includes("--check")) writePages()
  else {
    const faults = checkRules(ROOT, RULES)
    for (const fault of faults) process.stderr.write(`${fault}\n`)
    if (faults.length > 0) process.exitCode = 1
  }
}
