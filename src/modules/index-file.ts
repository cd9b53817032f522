/** index: the files that are sent for a folder. ngx_http_index_module. */
import { type Stats, statSync } from "node:fs"
import { errnoText } from "../base/errno.ts"
import { ALERT, CRIT, ERROR } from "../base/logger.ts"
import { ANY, type Conf, directives, HTTP, LOCATION, SERVER, type ValueContext } from "../config/row.ts"
import { defineModule, type Module } from "../runtime/module.ts"
import { DONE, internalRedirect, NEXT, type PhaseResult } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import { type Template, template } from "../runtime/template.ts"
import { filePath } from "./core/document-root.ts"

const FORBIDDEN = 403
const NOT_FOUND = 404
const FAILED = 500

const rows = directives({
  index: {
    in: HTTP | SERVER | LOCATION,
    args: [1, ANY],
    list: parseIndex,
    default: "index.html",
    syntax: "file …",
    doc: "Names of files that answer for a folder: the first one that is there. The last may be a URI, which begins with a slash.",
  },
})

/** Levels that say nothing of their own share one list. */
type SharedNames = WeakMap<Conf<typeof rows>, readonly Template[]>

export const indexFile: Module<readonly Template[], SharedNames> = defineModule({
  name: "index",
  directives: rows,
  main: (): SharedNames => new WeakMap(),
  location: (conf, context): readonly Template[] => {
    const shared = context.main(indexFile)
    let names = shared.get(conf)
    if (names === undefined) {
      names = conf.index.flat()
      shared.set(conf, names)
    }
    return names
  },
})

function parseIndex(args: readonly string[], context: ValueContext): readonly Template[] {
  return args.map((text, at) => {
    if (text.startsWith("/") && at !== args.length - 1)
      context.warn('only the last index in "index" directive should be absolute')
    if (text === "") context.fail(`index "${args[0]}" in "index" directive is invalid`)
    return template(text, context)
  })
}

/** Redirects a request for a folder, whose URI ends with a slash, to its index; NEXT where it has none. */
export function answerWithIndex(request: Request): PhaseResult {
  const names = request.location.of(indexFile) as readonly Template[]
  let isFolderThere = false
  for (let i = 0; i < names.length; i++) {
    const name = (names[i] as Template).evaluate(request)
    if (name.startsWith("/")) return redirect(request, name)
    const folder = filePath(request)
    if (folder === undefined) return FAILED
    const path = folder + name
    const failure = stat(path)
    if (failure === undefined) return redirect(request, request.uri + name)
    const status = isFolderThere && failure.code === "ENOENT" ? 0 : statusOf(request, folder, path, failure)
    if (status !== 0) return status
    isFolderThere = true
  }
  return NEXT
}

function redirect(request: Request, uri: string): PhaseResult {
  internalRedirect(request, uri, request.args)
  return DONE
}

/** Why nothing can be found at `path`; undefined where something is there. */
function stat(path: string): NodeJS.ErrnoException | undefined {
  try {
    // Without an entry no error is made, which costs more than to ask.
    if (statSync(Buffer.from(path, "latin1"), { throwIfNoEntry: false }) !== undefined) return undefined
    statSync(Buffer.from(path, "latin1"))
    return undefined
  } catch (error) {
    return error as NodeJS.ErrnoException
  }
}

/** The status that a file's failure ends the request with; 0 where the next one is to be tried. */
function statusOf(request: Request, folder: string, path: string, error: NodeJS.ErrnoException): number {
  const { code } = error
  if (code === "EMLINK" || code === "ELOOP") return FORBIDDEN
  if (code === "ENOTDIR" || code === "ENAMETOOLONG" || code === "EACCES") return fail(request, path, error)
  const status = testFolder(request, folder, path)
  if (status !== 0 || code === "ENOENT") return status
  request.log(CRIT, `stat() "${path}" failed (${errnoText(error)})`)
  return FAILED
}

/** The status where there is no folder for the files to be in; 0 where it is there. ngx_http_index_test_dir. */
function testFolder(request: Request, path: string, filePathInIt: string): number {
  const folder = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path
  let found: Stats
  try {
    found = statSync(Buffer.from(folder, "latin1"))
  } catch (error) {
    const failure = error as NodeJS.ErrnoException
    if (failure.code === "ENOENT") return fail(request, filePathInIt, failure)
    if (failure.code === "EACCES") return 0
    request.log(CRIT, `stat() "${folder}" failed (${errnoText(failure)})`)
    return FAILED
  }
  if (found.isDirectory()) return 0
  request.log(ALERT, `"${folder}" is not a directory`)
  return FAILED
}

/** ngx_http_index_error */
function fail(request: Request, path: string, error: NodeJS.ErrnoException): number {
  const reason = errnoText(error)
  if (error.code === "EACCES") {
    request.log(ERROR, `"${path}" is forbidden (${reason})`)
    return FORBIDDEN
  }
  if (request.location.settings.logNotFound) request.log(ERROR, `"${path}" is not found (${reason})`)
  return NOT_FOUND
}
