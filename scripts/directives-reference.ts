/**
 * Writes docs/directives.md from the directive rows of all modules; with `--check`, fails where the file is not what
 * the rows say.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import {
  EVENTS,
  HTTP,
  LIMIT_EXCEPT,
  LOCATION,
  LOCATION_IF,
  MAIN,
  type Row,
  type Rows,
  SERVER,
  SERVER_IF,
  UPSTREAM,
} from "../src/config/row.ts"
import {
  confPath,
  flag,
  milliseconds,
  number,
  offset,
  prefixPath,
  seconds,
  size,
} from "../src/config/values.ts"
import { mainDirectives } from "../src/modules/core/main-directives.ts"
import { MODULES } from "../src/modules/index.ts"
import { includeRow } from "../src/server/read.ts"

const FILE = fileURLToPath(new URL("../docs/directives.md", import.meta.url))

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

/** The sections, by the name of their module. A module that is not named here comes last, by its own name. */
const TITLES: Readonly<Record<string, string>> = {
  main: "Main and events",
  core: "HTTP: servers, locations, limits",
  upstream: "Upstream",
  proxy: "Proxy",
  proxySsl: "TLS to upstreams",
  ssl: "TLS to clients",
  rewrite: "Rewrite",
  try_files: "Try files",
  access: "Access",
  headers: "Header fields of answers",
  stub_status: "Status",
  map: "Map",
  geo: "Geo",
  split_clients: "Split clients",
  access_log: "Access log",
  error_log: "Error log",
}

interface Section {
  readonly name: string
  readonly rows: Rows
}

function sections(): Section[] {
  const all: Section[] = [
    { name: "main", rows: { ...mainDirectives, ...includeRow } },
    ...MODULES.map(({ name, directives }) => ({ name, rows: directives })),
  ]
  const order = Object.keys(TITLES)
  const rank = ({ name }: Section): number => {
    const index = order.indexOf(name)
    return index === -1 ? order.length : index
  }
  return all.filter(({ rows }) => Object.keys(rows).length > 0).sort((a, b) => rank(a) - rank(b))
}

function reference(): string {
  const parts = sections().map(({ name, rows }) => section(TITLES[name] ?? name, rows))
  return `# Directives

Every directive that Holdfast reads, made from the rows that the program itself reads by
(\`npm run docs\`; not to be edited by hand). Contexts, defaults and inheritance are those of nginx 1.30; a directive
of nginx's that is not here is refused with an error of its own.

A value is inherited by the blocks inside, unless it says otherwise. Of a directive that may be repeated, any
entry at a lower level replaces all those of the levels above.

${parts.join("\n")}`
}

function section(title: string, rows: Rows): string {
  const entries = Object.entries(rows)
  const active = entries.filter(([, row]) => !hasNoMeaning(row)).map(([name, row]) => entry(name, row))
  const rest = entries.filter(([, row]) => hasNoMeaning(row)).map(([name, row]) => acceptedEntry(name, row))
  const lines = [`## ${title}`, "", ...active]
  if (rest.length > 0)
    lines.push("### Accepted without meaning", "", "| directive | contexts | |", "|---|---|---|", ...rest, "")
  return lines.join("\n")
}

/** Some rows check their value although nothing is done with it. */
function hasNoMeaning(row: Row): boolean {
  return row.doc.startsWith("Has no meaning here")
}

function entry(name: string, row: Row): string {
  const lines = [`### ${name}`, "", row.doc, "", `- Syntax: \`${syntax(name, row)}\``]
  if (!("block" in row))
    lines.push(`- Default: ${row.default === undefined ? "none" : `\`${name} ${row.default};\``}`)
  lines.push(`- Context: ${contexts(row)}`)
  const manners = mannersOf(row)
  if (manners !== "") lines.push(`- ${manners}`)
  return `${lines.join("\n")}\n`
}

function acceptedEntry(name: string, row: Row): string {
  const reason = row.doc.replace(/^Has no meaning here(: )?/, "").replace(/^\.$/, "")
  return `| \`${name}\` | ${contexts(row)} | ${reason} |`
}

function syntax(name: string, row: Row): string {
  const words = argumentWords(row)
  const ending = "block" in row || "entries" in row ? " { … }" : ";"
  return [name, ...words].join(" ") + ending
}

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
])

function argumentWords(row: Row): string[] {
  if ("value" in row) {
    const words = "words" in row.value ? (row.value.words as readonly string[]) : undefined
    return [words?.join(" | ") ?? KINDS.get(row.value) ?? "value"]
  }
  const arity = "args" in row ? row.args : 1
  const [least, most] = typeof arity === "number" ? [arity, arity] : arity
  const word = least === 1 && most === 1 ? () => "value" : (index: number) => `value${index + 1}`
  const words = Array.from({ length: least }, (_unused, index) => word(index))
  if (most === Number.POSITIVE_INFINITY) return [...words, "…"]
  for (let index = least; index < most; index++) words.push(`[${word(index)}]`)
  return words
}

function contexts(row: Row): string {
  if (row === includeRow.include) return "any"
  return CONTEXTS.filter(([bit]) => (row.in & bit) !== 0)
    .map(([, name]) => name)
    .join(", ")
}

function mannersOf(row: Row): string {
  const manners: string[] = []
  if ("list" in row) manners.push("May be repeated.")
  if (("parse" in row && row.join !== undefined) || "entries" in row)
    manners.push("May be repeated: the values add up.")
  if (row.inherit === false && !("block" in row)) manners.push("Not inherited.")
  return manners.join(" ")
}

function main(args: readonly string[]): void {
  const text = reference()
  if (!args.includes("--check")) {
    writeFileSync(FILE, text)
    return
  }
  if (existsSync(FILE) && readFileSync(FILE, "utf8") === text) return
  process.stderr.write("docs/directives.md is not what the directive rows say: run `npm run docs`\n")
  process.exitCode = 1
}

main(process.argv.slice(2))
