/**
 * `client_body_temp_path`, `proxy_temp_path`: where temporary files are made. ngx_conf_set_path_slot, ngx_create_paths.
 *
 * A path that the configuration names is made when the configuration is read for the start or a reload, as in nginx.
 * The default one is made when it is first needed: below the prefix, as in nginx, where that can be written to, and in
 * a folder of the user's own below the system's for temporary files where it cannot.
 */
import { chmodSync, chownSync, lstatSync, mkdirSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { errnoText } from "../base/errno.ts"
import { HoldfastError } from "../base/error.ts"
import type { ValueContext } from "../config/row.ts"
import { toSystemPath } from "../config/sources.ts"
import { parseNumber } from "../config/values.ts"

const FOLDER_MODE = 0o700
const OWNER_BITS = 0o700
/** Digits of a file's number: all levels and the slashes between take no more (ngx_conf_set_path_slot). */
const MAX_LEVELS_LENGTH = 10

/** A folder for temporary files, and the lengths of the names of its folders within. */
export interface TempPath {
  readonly levels: readonly number[]
  /** The folder's path, without a slash at its end. May make it; throws the system's error where it cannot. */
  folder(): string
}

/** A path that the configuration names. */
export interface WrittenTempPath extends TempPath {
  readonly path: string
  /** "/etc/nginx/nginx.conf:12" */
  readonly place: string
}

const NOTE = Symbol("temporary paths")

/** The paths that a configuration names, once each. */
export function tempPathsOf(context: Pick<ValueContext, "note">): Map<string, WrittenTempPath> {
  return context.note(NOTE, () => new Map<string, WrittenTempPath>())
}

function parseLevels(written: readonly string[], context: ValueContext): number[] {
  const levels = written.map((level) => parseNumber(level) || context.failDirective("invalid value"))
  const length = levels.reduce((sum, level) => sum + level + 1, 0)
  if (length > MAX_LEVELS_LENGTH + levels.length) context.failDirective("invalid value")
  return levels
}

/** Parser of rows of paths that nothing is written to: their levels are checked, and no folder is made. */
export function unusedTempPath(args: readonly string[], context: ValueContext): readonly number[] {
  return parseLevels(args.slice(1), context)
}

/** Parser of rows: a path, and up to three levels. */
export function tempPath(args: readonly string[], context: ValueContext): TempPath {
  const [text = "", ...written] = args
  const named = text.length > 1 && text.endsWith("/") ? text.slice(0, -1) : text
  const path = named.startsWith("/") ? named : context.prefix + named
  const levels = parseLevels(written, context)
  const paths = tempPathsOf(context)
  const known = paths.get(path)
  if (known === undefined) {
    const { file, line } = context.directive.position
    const made = { path, levels, place: `${file}:${line}`, folder: () => path }
    paths.set(path, made)
    return made
  }
  if (known.levels.join() !== levels.join())
    context.fail(`the same path name "${path}" in ${known.place} has the different levels than`)
  return known
}

/**
 * Makes the folders of `paths` that are missing, and makes them `owner`'s where that is not undefined. Throws FILE in
 * nginx's words.
 */
export function createTempPaths(paths: Iterable<WrittenTempPath>, owner: number | undefined): void {
  for (const { path } of paths) {
    attempt("mkdir()", path, () => {
      try {
        mkdirSync(toSystemPath(path), FOLDER_MODE)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
      }
    })
    if (owner !== undefined) makeOwn(path, owner)
  }
}

function makeOwn(path: string, user: number): void {
  const found = attempt("stat()", path, () => statSync(toSystemPath(path)))
  if (found.uid !== user) {
    try {
      chownSync(toSystemPath(path), user, found.gid)
    } catch (error) {
      const reason = errnoText(error as NodeJS.ErrnoException)
      throw new HoldfastError("FILE", `chown("${path}", ${user}) failed (${reason})`)
    }
  }
  if ((found.mode & OWNER_BITS) !== OWNER_BITS)
    attempt("chmod()", path, () => chmodSync(toSystemPath(path), (found.mode & 0o7777) | OWNER_BITS))
}

function attempt<T>(call: string, path: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw new HoldfastError("FILE", `${call} "${path}" failed (${errnoText(error as NodeJS.ErrnoException)})`)
  }
}

/** Where the files go of which the configuration says nothing: `name` below the prefix, or in a folder of the user's. */
export class DefaultTempPath implements TempPath {
  readonly levels: readonly number[]
  readonly #prefix: string
  readonly #name: string
  #folder = ""

  constructor(prefix: string, name: string, levels: readonly number[]) {
    this.#prefix = prefix
    this.#name = name
    this.levels = levels
  }

  folder(): string {
    // Whatever sweeps the system's temporary files may have swept it.
    if (this.#folder === "" || !isOwn(this.#folder)) this.#folder = this.#make()
    return this.#folder
  }

  #make(): string {
    const below = this.#prefix + this.#name
    if (makeFolder(below) && isOwn(below)) return below
    const parent = `${latin1(tmpdir())}/holdfast-${process.geteuid?.() ?? "user"}`
    mkdirOrThrow(parent)
    // Somebody else may have made it first, for files of ours to lie in.
    if (!isOwn(parent)) throw notOurs(parent)
    const folder = `${parent}/${this.#name}`
    mkdirOrThrow(folder)
    return folder
  }
}

function makeFolder(path: string): boolean {
  try {
    mkdirOrThrow(path)
    return true
  } catch {
    return false
  }
}

function mkdirOrThrow(path: string): void {
  try {
    mkdirSync(toSystemPath(path), FOLDER_MODE)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
  }
}

/** Whether `path` is a folder, no link to one, of the user that the process acts as, and closed to others. */
function isOwn(path: string): boolean {
  const found = lstatSync(toSystemPath(path), { throwIfNoEntry: false })
  if (found === undefined || !found.isDirectory()) return false
  return found.uid === process.geteuid?.() && (found.mode & 0o022) === 0
}

function notOurs(path: string): NodeJS.ErrnoException {
  return Object.assign(new Error("it is not a folder of this user's own"), { path })
}

function latin1(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1")
}
