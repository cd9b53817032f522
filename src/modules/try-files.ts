/** try_files: the first of several paths where a file is, or else another URI, a named location or a status. ngx_http_try_files_module. */
import { ANY, directives, LOCATION, SERVER, type ValueContext } from "../config/row.ts"
import { parseNumber } from "../config/values.ts"
import { ALIAS_WHOLE } from "../runtime/location.ts"
import { defineModule } from "../runtime/module.ts"
import { DONE, internalRedirect, NEXT, namedRedirect, type PhaseResult } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import { type Template, template } from "../runtime/template.ts"
import { filePath, rootPath } from "./core/document-root.ts"
import { statFile } from "./rewrite/file-test.ts"

const MAX_STATUS = 999
const FAILED = 500

interface Candidate {
  /** What is tried, below the document root; becomes the URI where something is there. */
  readonly uri: Template
  /** It must be a folder: written with a slash at its end, which is not part of `uri`. */
  readonly isFolder: boolean
}

interface TryFiles {
  readonly candidates: readonly Candidate[]
  /** Where the request goes when none is there; a URI or `@name`. */
  readonly fallback: Template
  /** In place of the fallback: a status; 0 for none. */
  readonly status: number
}

export const tryFiles = defineModule({
  name: "try_files",
  directives: directives({
    try_files: {
      in: SERVER | LOCATION,
      args: [2, ANY],
      parse: parseTryFiles,
      inherit: false,
      syntax: "file … URI, or file … =code",
      doc: "Takes the first path where a file (or, with a slash at its end, a folder) is for the URI; the last argument is where to go when none is: a URI, @name or =status.",
    },
  }),
  location: (conf): TryFiles | undefined => conf.try_files,
  phases: { precontent: tryAll },
})

function parseTryFiles(args: readonly string[], context: ValueContext): TryFiles {
  const last = args.at(-1) as string
  const candidates = args.slice(0, -1).map((text): Candidate => {
    const isFolder = text.endsWith("/")
    return { uri: template(isFolder ? text.slice(0, -1) : text, context), isFolder }
  })
  return { candidates, fallback: template(last, context), status: statusOf(last, context) }
}

function statusOf(text: string, context: ValueContext): number {
  if (!text.startsWith("=")) return 0
  const status = parseNumber(text.slice(1))
  if (status === undefined || status > MAX_STATUS) return context.fail(`invalid code "${text}"`)
  return status
}

function tryAll(request: Request, { candidates, fallback, status }: TryFiles): PhaseResult {
  const { alias } = request.location.settings.documentRoot
  if (alias !== 0 && !request.isLocationValid) {
    filePath(request)
    return FAILED
  }
  for (let i = 0; i < candidates.length; i++) {
    const { uri, isFolder } = candidates[i] as Candidate
    const path = pathOf(request, uri, alias)
    const found = statFile(request, rootPath(request) + path)
    if (found === undefined || found.isDirectory() !== isFolder) continue
    takePath(request, path, alias, isFolder)
    return NEXT
  }
  if (status !== 0) return status
  leaveTo(request, pathOf(request, fallback, alias))
  return DONE
}

/** Below an alias a text of variables may begin with the location's prefix, which is taken away then. */
function pathOf(request: Request, uri: Template, alias: number): string {
  const path = uri.evaluate(request)
  if (alias <= 0 || uri.constant !== undefined) return path
  return path.startsWith(request.uri.slice(0, alias)) ? path.slice(alias) : path
}

/** What was found becomes the URI. */
function takePath(request: Request, path: string, alias: number, isFolder: boolean): void {
  if (alias === 0) request.uri = path
  else if (alias !== ALIAS_WHOLE) request.uri = request.uri.slice(0, alias) + path
  else if (!isFolder) {
    request.uri = path
    request.addsUriToAlias = true
  }
}

function leaveTo(request: Request, target: string): void {
  if (target.startsWith("@")) return namedRedirect(request, target)
  const question = target.indexOf("?")
  if (question === -1) internalRedirect(request, target, "")
  else internalRedirect(request, target.slice(0, question), target.slice(question + 1))
}
