/** Rows of ngx_http_core_module that are about files. */
import { directives, HTTP, LOCATION, LOCATION_IF, SERVER, type ValueContext } from "../../config/row.ts"
import {
  buffers,
  flag,
  number,
  offset,
  oneOf,
  parseNumber,
  parseWholeSeconds,
  prefixPath,
  seconds,
  size,
} from "../../config/values.ts"
import { ALIAS_WHOLE, type DocumentRoot } from "../../runtime/location.ts"
import { template } from "../../runtime/template.ts"
import { patternOfScope } from "./location.ts"

const ALL = HTTP | SERVER | LOCATION

/** Both directives fill this slot: the nearest one of either counts. */
const ROOT_SLOT = "root"

function parseRoot(args: readonly string[], context: ValueContext): DocumentRoot {
  checkPlace(args[0] as string, context)
  const text = args[0] as string
  return documentRoot(text, text.endsWith("/") ? text.slice(0, -1) : text, 0, context)
}

function parseAlias(args: readonly string[], context: ValueContext): DocumentRoot {
  const { kind, pattern } = patternOfScope(context.scope)
  const text = args[0] as string
  checkPlace(text, context, kind)
  return documentRoot(text, text, kind === "regex" ? ALIAS_WHOLE : pattern.length, context)
}

/** ngx_http_core_root */
function checkPlace(text: string, context: ValueContext, kind = ""): void {
  const { name } = context.directive
  if (kind === "named") context.fail('the "alias" directive cannot be used inside the named location')
  for (const variable of ["document_root", "realpath_root"])
    if (text.includes(`$${variable}`) || text.includes(`\${${variable}}`))
      context.fail(`the $${variable} variable cannot be used in the "${name}" directive`)
}

/** `written` tells by its first octet whether `path` is relative: "/" alone is left empty. */
function documentRoot(written: string, path: string, alias: number, context: ValueContext): DocumentRoot {
  const isComplete = written.startsWith("/") || written.startsWith("$")
  return {
    path: template(isComplete ? path : prefixPath(path, context), context),
    prefix: context.prefix,
    alias,
  }
}

/** `off`, or `max=N [inactive=time]`: only read, since files are opened anew for each request. */
function openFileCache(args: readonly string[], context: ValueContext): true {
  let max = 0
  for (const text of args) {
    if (text.startsWith("max=")) {
      max = parseNumber(text.slice(4)) ?? 0
      if (max > 0) continue
    } else if (text.startsWith("inactive=")) {
      if (parseWholeSeconds(text.slice(9)) !== undefined) continue
    } else if (text === "off") {
      max = -1
      continue
    }
    context.fail(`invalid "open_file_cache" parameter "${text}"`)
  }
  if (max === 0) context.fail('"open_file_cache" must have the "max" parameter')
  return true
}

/** ngx_http_core_directio */
function directio(text: string, context: ValueContext): true {
  if (text !== "off") offset(text, context)
  return true
}

/** `on`, `off`, `threads`, `threads=pool`. ngx_http_core_set_aio. */
function aio(text: string, context: ValueContext): true {
  if (text !== "on" && text !== "off" && text !== "threads" && !text.startsWith("threads="))
    context.failDirective("invalid value")
  return true
}

function disableSymlinks(args: readonly string[], context: ValueContext): true {
  if (args.length === 1 && args[0] === "off") return true
  return context.fail(
    '"disable_symlinks" is supported by Holdfast only as off: Node.js cannot open a path without following its links; keep them out of the folder that is served',
  )
}

const NO_CACHE = "Has no meaning here: files are opened anew for each request."

export const fileDirectives = directives({
  root: {
    in: ALL | LOCATION_IF,
    args: 1,
    parse: parseRoot,
    slot: ROOT_SLOT,
    syntax: "path",
    doc: "The folder that the paths of files begin with; the URI is what follows. The default is html below the prefix.",
  },
  alias: {
    in: LOCATION,
    args: 1,
    parse: parseAlias,
    slot: ROOT_SLOT,
    syntax: "path",
    doc: "What takes the place of the location's prefix in the paths of files, or of the whole URI in a location with a regular expression.",
  },
  etag: {
    in: ALL,
    value: flag,
    default: "on",
    doc: "Whether files are sent with an ETag, made of time and size.",
  },
  if_modified_since: {
    in: ALL,
    value: oneOf("off", "exact", "before"),
    default: "exact",
    doc: "Which times of If-Modified-Since are met: none, the file's very own, or any that is not before it.",
  },
  max_ranges: {
    in: ALL,
    value: number,
    default: "2147483647",
    doc: "The most ranges that one request may ask for: the whole file is sent beyond. 0 sends no ranges.",
  },
  open_file_cache: { in: ALL, args: [1, 2], parse: openFileCache, doc: NO_CACHE },
  open_file_cache_valid: { in: ALL, value: seconds, doc: NO_CACHE },
  open_file_cache_min_uses: { in: ALL, value: number, doc: NO_CACHE },
  open_file_cache_errors: { in: ALL, value: flag, doc: NO_CACHE },
  open_file_cache_events: { in: ALL, value: flag, doc: NO_CACHE },
  disable_symlinks: {
    in: ALL,
    args: [1, 2],
    parse: disableSymlinks,
    syntax: "off",
    doc: "Only off: symbolic links are followed.",
  },
  sendfile: {
    in: ALL | LOCATION_IF,
    value: flag,
    doc: "Has no meaning here: no file is sent by the kernel.",
  },
  sendfile_max_chunk: { in: ALL, value: size, doc: "Has no meaning here." },
  tcp_nopush: {
    in: ALL,
    value: flag,
    doc: "Has no meaning here: head and first body bytes leave in one write.",
  },
  output_buffers: { in: ALL, args: 2, parse: buffers, syntax: "number size", doc: "Has no meaning here." },
  aio: {
    in: ALL,
    value: aio,
    syntax: "on | off | threads[=pool]",
    doc: "Has no meaning here: file work has Node's own pool.",
  },
  aio_write: { in: ALL, value: flag, doc: "Has no meaning here." },
  directio: { in: ALL, value: directio, syntax: "size | off", doc: "Has no meaning here." },
  directio_alignment: { in: ALL, value: offset, doc: "Has no meaning here." },
  read_ahead: { in: ALL, value: size, doc: "Has no meaning here." },
  subrequest_output_buffer_size: {
    in: ALL,
    value: size,
    doc: "Has no meaning here: of a subrequest's answer only the head is wanted.",
  },
})
