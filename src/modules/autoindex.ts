/** autoindex: listings of folders that have no index. ngx_http_autoindex_module. */
import { lstatSync, readdirSync, type Stats, statSync } from "node:fs"
import { errnoText } from "../base/errno.ts"
import { CRIT, ERROR, INFO } from "../base/logger.ts"
import { type Conf, directives, HTTP, LOCATION, SERVER } from "../config/row.ts"
import { flag, oneOf } from "../config/values.ts"
import { defineModule } from "../runtime/module.ts"
import { DONE, NEXT, type PhaseResult } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import { sendHead } from "../runtime/send-head.ts"
import { type FolderEntry, listingAsHtml, listingAsJson, listingAsXml } from "./autoindex-formats.ts"
import { filePath } from "./core/document-root.ts"
import { findArgument } from "./core-variables-fields.ts"
import { statusOfError } from "./static/open-file.ts"

const BAD_REQUEST = 400
const FAILED = 500

const ALL = HTTP | SERVER | LOCATION
const MAX_CALLBACK_LENGTH = 128

const rows = directives({
  autoindex: { in: ALL, value: flag, default: "off", doc: "Whether a folder without an index is listed." },
  autoindex_format: {
    in: ALL,
    value: oneOf("html", "json", "jsonp", "xml"),
    default: "html",
    doc: "The form of listings. jsonp calls the function that the argument callback names.",
  },
  autoindex_exact_size: {
    in: ALL,
    value: flag,
    default: "on",
    doc: "Whether sizes in HTML listings are in bytes, in place of rounded kilobytes, megabytes and gigabytes.",
  },
  autoindex_localtime: {
    in: ALL,
    value: flag,
    default: "off",
    doc: "Whether times in HTML listings are of the server's zone, in place of UTC.",
  },
})

type AutoindexConf = Conf<typeof rows>

export const autoindex = defineModule({
  name: "autoindex",
  directives: rows,
  location: (conf): AutoindexConf | undefined => (conf.autoindex ? conf : undefined),
})

const CONTENT_TYPES = {
  html: "text/html",
  json: "application/json",
  jsonp: "application/javascript",
  xml: "text/xml; charset=utf-8",
} as const

/** Lists the folder that the URI names, which ends with a slash; NEXT where that is not wanted. */
export function answerWithListing(request: Request): PhaseResult {
  const conf = request.location.of(autoindex)
  if (conf === undefined) return NEXT
  const path = filePath(request)
  if (path === undefined) return FAILED
  let format = conf.autoindex_format
  const callback = format === "jsonp" ? callbackOf(request) : ""
  if (callback === undefined) return BAD_REQUEST
  if (format === "jsonp" && callback === "") format = "json"
  const entries = readFolder(request, path.length > 1 ? path.slice(0, -1) : path)
  if (typeof entries === "number") return entries
  const refusal = beginAnswer(request, CONTENT_TYPES[format])
  if (refusal !== 0) return refusal
  const text =
    format === "html"
      ? htmlOf(request, entries, conf)
      : format === "xml"
        ? listingAsXml(entries)
        : listingAsJson(entries, callback)
  request.exchange.write(Buffer.from(text, "latin1"))
  request.exchange.end()
  return DONE
}

function beginAnswer(request: Request, contentType: string): number {
  const { response } = request
  request.isDiscardingBody = true
  response.status = request.errorStatus > 0 ? request.errorStatus : 200
  response.contentType = contentType
  response.contentLength = -1
  return sendHead(request)
}

function htmlOf(request: Request, entries: readonly FolderEntry[], conf: AutoindexConf): string {
  return listingAsHtml(request.uri, entries, {
    isExact: conf.autoindex_exact_size,
    // nginx takes the offset of now for all times.
    offsetSeconds: conf.autoindex_localtime ? -new Date().getTimezoneOffset() * 60 : 0,
    isUtf8: /; *charset=utf-8$/i.test(request.response.contentType),
  })
}

/** The function that JSONP is to call, "" for none; undefined for what is no name. */
function callbackOf(request: Request): string | undefined {
  const callback = findArgument(request.args, "callback") ?? ""
  if (callback.length > MAX_CALLBACK_LENGTH) {
    request.log(INFO, `client sent too long callback name: "${callback}"`)
    return undefined
  }
  if (/^[A-Za-z0-9_.]*$/.test(callback)) return callback
  request.log(INFO, `client sent invalid callback name: "${callback}"`)
  return undefined
}

/** What is in the folder `path`, folders first, by name; or a status where it cannot be read. */
function readFolder(request: Request, path: string): FolderEntry[] | number {
  let names: string[]
  try {
    names = readdirSync(Buffer.from(path, "latin1"), { encoding: "latin1" })
  } catch (error) {
    const status = statusOfError(error as NodeJS.ErrnoException)
    const reason = errnoText(error as NodeJS.ErrnoException)
    request.log(status === FAILED ? CRIT : ERROR, `opendir() "${path}" failed (${reason})`)
    return status
  }
  const entries: FolderEntry[] = []
  for (const name of names) {
    if (name.startsWith(".")) continue
    const stats = statEntry(request, `${path}/${name}`)
    if (stats === "failed") return FAILED
    if (stats !== "skipped") entries.push(entryOf(name, stats))
  }
  return entries.sort(compareEntries)
}

function entryOf(name: string, stats: Stats): FolderEntry {
  const kind = stats.isDirectory() ? "directory" : stats.isFile() ? "file" : "other"
  return { name, kind, modifiedSeconds: Math.floor(stats.mtimeMs / 1000), bytes: stats.size }
}

function compareEntries(one: FolderEntry, other: FolderEntry): number {
  const isFolder = one.kind === "directory"
  if (isFolder !== (other.kind === "directory")) return isFolder ? -1 : 1
  return one.name < other.name ? -1 : one.name > other.name ? 1 : 0
}

/** Of a link that leads nowhere what is told is the link's own. */
function statEntry(request: Request, path: string): Stats | "skipped" | "failed" {
  const bytes = Buffer.from(path, "latin1")
  try {
    return statSync(bytes)
  } catch (error) {
    const failure = error as NodeJS.ErrnoException
    if (failure.code !== "ENOENT" && failure.code !== "ELOOP") {
      request.log(CRIT, `stat() "${path}" failed (${errnoText(failure)})`)
      return failure.code === "EACCES" ? "skipped" : "failed"
    }
  }
  try {
    return lstatSync(bytes)
  } catch (error) {
    request.log(CRIT, `lstat() "${path}" failed (${errnoText(error as NodeJS.ErrnoException)})`)
    return "failed"
  }
}
