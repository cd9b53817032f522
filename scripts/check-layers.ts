import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"

/**
 * Holds the order of the folders of src/: a file imports only from its own folder and from folders above it
 * in this list, types included. What goes upward would make a cycle of folders sooner or later.
 */
export const FOLDERS = [
  "base",
  "config",
  "http",
  "websocket",
  "tls",
  "runtime",
  "upstream",
  "tunnel",
  "observe",
  "modules",
  "server",
  "check",
  "client",
  "probe",
  "connect",
  "init",
  "status",
  "dashboard",
  "demo",
  "cli",
] as const

/** One import of a file of src/ by another. Paths are relative to src/, lines count from 1. */
export interface Import {
  readonly from: string
  readonly to: string
  readonly line: number
  readonly typeOnly: boolean
}

/** Paths of all TypeScript files below `root`, relative to it, sorted. */
export function listSources(root: string): string[] {
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" })
  return paths.filter((path) => path.endsWith(".ts")).sort()
}

// The forms of an import, each at the start of a line, so that those in comments and texts are passed over;
// dynamic imports may stand anywhere in a line of code.
const STATIC_IMPORT = /^[ \t]*(?:import|export)\b(?:[ \t]+(type)\b)?[^"'`;]*?["']([^"'\n]+)["']/gm
const DYNAMIC_IMPORT = /^[^/*\n]*\bimport\(\s*["']([^"'\n]+)["']\s*\)/gm

/** The imports of one file that name a file by a relative path. `path` is relative to src/, as the results. */
export function findImports(path: string, text: string): Import[] {
  const found: Import[] = []
  const add = (match: RegExpMatchArray, target: string, typeOnly: boolean): void => {
    if (!target.startsWith(".")) return
    const line = text.slice(0, match.index).split("\n").length
    found.push({ from: path, to: join(dirname(path), target), line, typeOnly })
  }
  for (const match of text.matchAll(STATIC_IMPORT)) {
    if (/^\s*export\b/.test(match[0]) && !/\bfrom\s*["'][^"']+["']$/.test(match[0])) continue
    add(match, match[2] ?? "", match[1] !== undefined)
  }
  for (const match of text.matchAll(DYNAMIC_IMPORT)) add(match, match[1] ?? "", false)
  return found
}

/** The folder of src/ that a file belongs to; empty for a file that lies in no folder, or outside of src/. */
function folderOf(path: string): string {
  const [folder = "", rest] = path.split("/")
  return rest === undefined || folder === ".." ? "" : folder
}

/** Says what is wrong with one import, or nothing when it is in order. */
export function judgeImport(found: Import): string | undefined {
  const from = folderOf(found.from)
  const to = folderOf(found.to)
  const kind = found.typeOnly ? "the types of " : ""
  const rank = (folder: string): number => (FOLDERS as readonly string[]).indexOf(folder)
  if (found.to.startsWith("..")) {
    const isTest = found.from.endsWith(".test.ts") && found.to.startsWith("../test/")
    return isTest ? undefined : `imports ${found.to}, which lies outside of src/`
  }
  if (rank(from) < 0) return `"${from}" is no folder of the list in scripts/check-layers.ts`
  if (rank(to) < 0) return `imports ${found.to}: "${to}" is no folder of the list in scripts/check-layers.ts`
  if (rank(to) <= rank(from)) return undefined
  return `${from}/ imports ${kind}${found.to}, but ${to}/ comes after ${from}/: only what comes before it may be imported`
}

/** Finds the import cycles that lead through files of different folders, each as its files in order. */
export function findFolderCycles(imports: readonly Import[]): string[][] {
  const targets = new Map<string, string[]>()
  for (const { from, to } of imports) targets.set(from, [...(targets.get(from) ?? []), to])
  const cycles: string[][] = []
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): void => {
    const start = path.indexOf(file)
    if (start >= 0) cycles.push(path.slice(start))
    if (start >= 0 || done.has(file)) return
    path.push(file)
    for (const target of targets.get(file) ?? []) visit(target)
    path.pop()
    done.add(file)
  }
  for (const file of targets.keys()) visit(file)
  return cycles.filter((cycle) => new Set(cycle.map(folderOf)).size > 1)
}

/** Checks all of `root` (a folder src/) and returns the messages, each with file and line. */
export function checkLayers(root: string): string[] {
  const imports = listSources(root).flatMap((path) =>
    findImports(path, readFileSync(join(root, path), "utf8")),
  )
  const shown = relative(process.cwd(), root) || "."
  const messages: string[] = []
  for (const found of imports) {
    const complaint = judgeImport(found)
    if (complaint !== undefined) messages.push(`${shown}/${found.from}:${found.line}: ${complaint}`)
  }
  for (const cycle of findFolderCycles(imports)) {
    const [first] = cycle
    messages.push(`${shown}/${first}:1: import cycle: ${[...cycle, first].join(" -> ")}`)
  }
  return messages
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const messages = checkLayers(fileURLToPath(new URL("../src", import.meta.url)))
  for (const message of messages) console.error(message)
  if (messages.length > 0) process.exitCode = 1
}
