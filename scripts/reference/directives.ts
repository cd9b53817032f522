/** The pages of the directives, made from the rows. */

import { isKnownToNginx, KNOWN_DIRECTIVES } from "../../src/config/known-directives.ts"
import { refusalHint } from "../../src/config/refusals.ts"
import {
  EVENTS,
  HTTP,
  LIMIT_EXCEPT,
  LOCATION,
  LOCATION_IF,
  MAIN,
  type Row,
  SERVER,
  SERVER_IF,
  UPSTREAM,
} from "../../src/config/row.ts"
import {
  buffers,
  confPath,
  flag,
  milliseconds,
  number,
  offset,
  prefixPath,
  seconds,
  size,
  string,
} from "../../src/config/values.ts"
import { includeRow } from "../../src/server/read.ts"
import { type FilledPage, variableNames } from "./pages.ts"

const CONTEXTS: readonly (readonly [number, string])[] = [
  [MAIN, "main"],
  [EVENTS, "events"],
  [HTTP, "http"],
  [UPSTREAM, "upstream"],
  [SERVER, "server"],
  [SERVER_IF, "if in server"],
  [LOCATION, "location"],
  [LOCATION_IF, "if in location"],
  [LIMIT_EXCEPT, "limit_except"],
]

/** What the shared parsers take. */
const KINDS: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [flag, "on | off"],
  [number, "number"],
  [size, "size"],
  [offset, "size"],
  [milliseconds, "time"],
  [seconds, "time"],
  [prefixPath, "path"],
  [confPath, "path"],
  [buffers, "number size"],
  [string, "string"],
])

/** One page: `docs/directives/<name>.md`. */
export function directivesPage({ title, origin, contents }: FilledPage): string {
  const entries = contents.flatMap(({ directives }) => Object.entries(directives))
  const active = entries.filter(([, row]) => !hasNoMeaning(row)).map(([name, row]) => entry(name, row))
  const rest = entries.filter(([, row]) => hasNoMeaning(row)).map(([name, row]) => acceptedEntry(name, row))
  const variables = contents.flatMap((module) =>
    module.variables === undefined ? [] : variableNames(module.variables),
  )
  const lines = [
    `# ${title}`,
    "",
    `${origin === "" ? "" : `${origin}. `}[All directives](README.md)`,
    "",
    ...active,
  ]
  if (rest.length > 0)
    lines.push("## Accepted without effect", "", "| directive | contexts | |", "|---|---|---|", ...rest, "")
  if (variables.length > 0)
    lines.push(
      "## Variables",
      "",
      `${variables.map((name) => `\`$${name}${name.endsWith("_") ? "…" : ""}\``).join(", ")}: see [variables](../variables.md).`,
      "",
    )
  return lines.join("\n")
}

/** `docs/directives/README.md`: every directive of nginx and of Holdfast, and what becomes of it. */
export function directivesIndex(pages: readonly FilledPage[]): string {
  const supported: string[] = []
  const accepted: string[] = []
  const names = new Set<string>()
  for (const { name: page, contents } of pages)
    for (const { directives } of contents)
      for (const [name, row] of Object.entries(directives)) {
        names.add(name)
        const own = isKnownToNginx(name) || row === includeRow.include ? "" : " Holdfast's own."
        if (hasNoMeaning(row)) accepted.push(`| \`${name}\` | ${contexts(row)} | ${reasonOf(row)} |`)
        else
          supported.push(
            `| [\`${name}\`](${page}.md#${name}) | ${contexts(row)} | ${cell(row.doc)}${own}${row.differs === undefined ? "" : " *Differs.*"} |`,
          )
      }
  const refused = KNOWN_DIRECTIVES.filter((name) => !names.has(name))
  return `# Directives

What becomes of each directive of nginx, up to 1.31, its stream, mail and commercial modules among them. Made from the rows that the
program itself reads by (\`npm run docs\`; not to be edited by hand).

- [Supported](#supported): ${supported.length}, by module: ${pages
    .filter(hasDirectives)
    .map(({ name, title }) => `[${title}](${name}.md)`)
    .join(", ")}.
- [Accepted without effect](#accepted-without-effect): ${accepted.length}, which have no meaning here or cannot be seen from outside.
- [Refused](#refused): ${refused.length}. Each gets an error that names it and says what to do in its place.

A value is inherited by the blocks inside, unless it says otherwise. Of a directive that may be repeated, any
entry at a lower level replaces all those of the levels above. Defaults are those of nginx 1.30. The
[variables](../variables.md) have a page of their own. What differs beside single directives stands in
[the architecture](../architecture.md#defaults).

## Supported

| directive | contexts | |
|---|---|---|
${supported.sort(byName).join("\n")}

## Accepted without effect

| directive | contexts | why |
|---|---|---|
${accepted.sort(byName).join("\n")}

## Refused

| directives | what to do |
|---|---|
${refusedRows(refused).join("\n")}
`
}

/** Whether a page of directives is made of it. */
export function hasDirectives({ contents }: FilledPage): boolean {
  return contents.some(({ directives }) => Object.keys(directives).length > 0)
}

/** Those with the same hint share a row. */
function refusedRows(names: readonly string[]): string[] {
  const byHint = new Map<string, string[]>()
  for (const name of names) {
    const hint = refusalHint(name) ?? ""
    byHint.set(hint, [...(byHint.get(hint) ?? []), name])
  }
  return [...byHint].map(([hint, all]) => `| ${all.map((name) => `\`${name}\``).join(" ")} | ${cell(hint)} |`)
}

function byName(a: string, b: string): number {
  const name = (row: string): string => /`([^`]+)`/.exec(row)?.[1] ?? row
  return name(a) < name(b) ? -1 : 1
}

/** Some rows check their value although nothing is done with it. */
function hasNoMeaning(row: Row): boolean {
  return "accepted" in row
    ? row !== includeRow.include
    : /^(Has no meaning|Checked, and without effect|Obsolete)/.test(row.doc)
}

function entry(name: string, row: Row): string {
  const lines = [`## ${name}`, "", row.doc, ""]
  lines.push(`- Syntax: \`${syntax(name, row)}\``)
  if (!("block" in row))
    lines.push(`- Default: ${row.default === undefined ? "none" : `\`${name} ${row.default};\``}`)
  lines.push(`- Context: ${contexts(row)}`)
  const manners = mannersOf(row)
  if (manners !== "") lines.push(`- ${manners}`)
  if (row.differs !== undefined) lines.push(`- Differs from nginx: ${row.differs}`)
  else if (!isKnownToNginx(name) && row !== includeRow.include)
    lines.push("- Holdfast's own: nginx does not have it.")
  return `${lines.join("\n")}\n`
}

function acceptedEntry(name: string, row: Row): string {
  return `| \`${name}\` | ${contexts(row)} | ${reasonOf(row)} |`
}

function reasonOf(row: Row): string {
  return cell(
    row.doc
      .replace(/^(Has no meaning here|Checked, and without effect)(: )?/, "")
      .replace(/^\.$/, "")
      .replace(/^Has/, "has"),
  )
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|")
}

function syntax(name: string, row: Row): string {
  const ending = "block" in row || "entries" in row ? " { … }" : ";"
  const words = row.syntax === undefined ? argumentWords(row) : row.syntax === "" ? [] : [row.syntax]
  return [name, ...words].join(" ") + ending
}

function argumentWords(row: Row): string[] {
  if ("value" in row) {
    const words = "words" in row.value ? (row.value.words as readonly string[]) : undefined
    return [words?.join(" | ") ?? KINDS.get(row.value) ?? "value"]
  }
  if ("parse" in row && KINDS.has(row.parse)) return [KINDS.get(row.parse) as string]
  const arity = "args" in row ? row.args : 1
  const [least, mostWords] = typeof arity === "number" ? [arity, arity] : arity
  const word = least === 1 && mostWords === 1 ? () => "value" : (index: number) => `value${index + 1}`
  const words = Array.from({ length: least }, (_unused, index) => word(index))
  if (mostWords === Number.POSITIVE_INFINITY) return [...words, "…"]
  for (let index = least; index < mostWords; index++) words.push(`[${word(index)}]`)
  return words
}

/** The most arguments: to repeat a directive without any says nothing new. Blocks of data have lines of theirs. */
function most(row: Row): number {
  const arity = "args" in row ? row.args : 1
  return "entries" in row ? 1 : typeof arity === "number" ? arity : arity[1]
}

function contexts(row: Row): string {
  if (row === includeRow.include) return "any"
  const named = CONTEXTS.filter(([bit]) => (row.in & bit) !== 0).map(([, name]) => name)
  return named.length > 0 ? named.join(", ") : "a block of its own"
}

function mannersOf(row: Row): string {
  const manners: string[] = []
  const isRepeatable = "list" in row || "entries" in row || ("parse" in row && row.join !== undefined)
  if (isRepeatable && most(row) > 0) manners.push("May be repeated.")
  if (row.inherit === false && !("block" in row)) manners.push("Not inherited.")
  return manners.join(" ")
}
