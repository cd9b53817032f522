/** What `check` is given: files, folders, standard input. */

import { isUtf8 } from "node:buffer"
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { errnoText } from "../base/errno.ts"
import { HoldfastError } from "../base/error.ts"
import { readTree, type SourceText, type Tree } from "./tree.ts"

/** How standard input is called in findings. */
export const STANDARD_INPUT = "<stdin>"

const MAIN_FILE = "nginx.conf"

/** The files that an argument names: a folder is its nginx.conf, or all its *.conf files. Throws FILE. */
export function filesOf(path: string): string[] {
  if (path === "-") return [STANDARD_INPUT]
  if (!isFolder(path)) return [path]
  const names = readdirSync(path).sort()
  if (names.includes(MAIN_FILE)) return [join(path, MAIN_FILE)]
  const files = names.filter((name) => name.endsWith(".conf")).map((name) => join(path, name))
  if (files.length === 0)
    throw new HoldfastError("FILE", `"${path}" has no ${MAIN_FILE}, and no other *.conf file`)
  return files
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch (error) {
    throw openFailed(path, error)
  }
}

/**
 * Reads a configuration. Throws FILE and SYNTAX. `texts` are files that are known, by path; what is read is added, so
 * that the same configuration can be read again, with other texts, too.
 */
export function readConfiguration(path: string, texts: Map<string, SourceText> = new Map()): Tree {
  return readTree(path, `${confFolder(path)}/`, (file) => {
    const source = texts.get(file) ?? readSource(file)
    texts.set(file, source)
    return source
  })
}

/** What relative includes count from: the folder of nginx.conf, also for a file of its conf.d or sites-enabled. */
function confFolder(path: string): string {
  if (path === STANDARD_INPUT) return "."
  const folder = dirname(path)
  const around = join(folder, "..")
  return !existsSync(join(folder, MAIN_FILE)) && existsSync(join(around, MAIN_FILE)) ? around : folder
}

function readSource(file: string): SourceText {
  try {
    // Descriptor 0 is standard input, to its end.
    return decodeSource(readFileSync(file === STANDARD_INPUT ? 0 : file))
  } catch (error) {
    throw openFailed(file, error)
  }
}

/** UTF-8 where it is that. */
export function decodeSource(bytes: Buffer): SourceText {
  const encoding = isUtf8(bytes) ? "utf8" : "latin1"
  return { text: bytes.toString(encoding), encoding }
}

function openFailed(path: string, error: unknown): HoldfastError {
  return new HoldfastError("FILE", `open() "${path}" failed (${errnoText(error as NodeJS.ErrnoException)})`)
}
