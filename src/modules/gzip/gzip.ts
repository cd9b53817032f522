/** gzip: answers are compressed for clients that take it. ngx_http_gzip_filter_module. */
import { createGzip, type Gzip, gzipSync, type ZlibOptions } from "node:zlib"
import {
  ANY,
  type Conf,
  directives,
  HTTP,
  LOCATION,
  LOCATION_IF,
  SERVER,
  type ValueContext,
} from "../../config/row.ts"
import { buffers, flag, number, size } from "../../config/values.ts"
import { ExchangeFilter } from "../../runtime/exchange-filter.ts"
import { defineModule } from "../../runtime/module.ts"
import type { Request } from "../../runtime/request.ts"
import { addVary, takesGzip } from "./gzip-client.ts"
import { dropStrongFields } from "./response-fields.ts"
import { type ZlibCoding, ZlibExchange } from "./zlib-exchange.ts"

const ALL = HTTP | SERVER | LOCATION

const MAX_WINDOW_BITS = 15
const MAX_MEMORY_LEVEL = 9

interface GzipSettings {
  /** In lower case; null for all. */
  readonly types: ReadonlySet<string> | null
  readonly minBytes: number
  readonly level: number
  readonly windowBits: number
  readonly memoryLevel: number
  readonly bufferBytes: number
}

const rows = directives({
  gzip: {
    in: ALL | LOCATION_IF,
    value: flag,
    default: "off",
    doc: "Compresses answers of 200, 403 and 404 with one of gzip_types for clients that take gzip.",
  },
  gzip_types: {
    in: ALL,
    args: [1, ANY],
    parse: parseTypes,
    join: joinTypes,
    default: "text/html",
    syntax: "MIME-type …",
    doc: "MIME types that are compressed, besides text/html; `*` for all.",
  },
  gzip_min_length: {
    in: ALL,
    value: size,
    default: "20",
    doc: "Answers whose Content-Length is less than this many bytes are not compressed.",
  },
  gzip_comp_level: {
    in: ALL,
    value: level,
    default: "1",
    syntax: "level",
    doc: "The level of compression, from 1 to 9.",
  },
  gzip_window: {
    in: ALL,
    value: windowBits,
    default: "32k",
    syntax: "size",
    doc: "The window of the compression: how far back it looks for what repeats.",
  },
  gzip_hash: {
    in: ALL,
    value: memoryLevel,
    default: "128k",
    syntax: "size",
    doc: "The memory that the compression takes for its hash table.",
  },
  gzip_buffers: {
    in: ALL,
    args: 2,
    parse: buffers,
    default: "32 4k",
    syntax: "number size",
    doc: "The second argument is the size of the pieces that compressed data comes in; their number has no meaning.",
  },
  postpone_gzipping: {
    in: ALL,
    value: size,
    doc: "No meaning here: the compression begins with the first bytes of the body.",
  },
  gzip_no_buffer: {
    in: ALL,
    value: flag,
    doc: "No meaning here: what is compressed goes on as it comes.",
  },
})

type GzipConf = Conf<typeof rows>

export const gzip = defineModule({
  name: "gzip",
  directives: rows,
  location: settingsOf,
  headers: compress,
  variables: { names: { gzip_ratio: gzipRatio } },
})

function settingsOf(conf: GzipConf): GzipSettings | undefined {
  if (!conf.gzip) return undefined
  return {
    types: conf.gzip_types,
    minBytes: conf.gzip_min_length,
    level: conf.gzip_comp_level,
    windowBits: conf.gzip_window,
    memoryLevel: conf.gzip_hash,
    bufferBytes: Math.max(conf.gzip_buffers.sizeBytes, 64),
  }
}

/** Null for `*`. ngx_http_types_slot. */
function parseTypes(args: readonly string[], context: ValueContext): ReadonlySet<string> | null {
  const types = new Set(["text/html"])
  for (const written of args) {
    if (written === "*") return null
    const type = written.toLowerCase()
    if (types.has(type) && context.directive.position.file !== "default")
      context.warn(`duplicate MIME type "${type}"`)
    types.add(type)
  }
  return types
}

function joinTypes(
  former: ReadonlySet<string> | null,
  latter: ReadonlySet<string> | null,
): ReadonlySet<string> | null {
  return former === null || latter === null ? null : new Set([...former, ...latter])
}

function level(text: string, context: ValueContext): number {
  const value = number(text, context)
  if (value < 1 || value > 9) context.fail("value must be between 1 and 9")
  return value
}

function windowBits(text: string, context: ValueContext): number {
  const bits = Math.log2(size(text, context))
  return Number.isInteger(bits) && bits >= 9 && bits <= MAX_WINDOW_BITS
    ? bits
    : context.failDirective("must be 512, 1k, 2k, 4k, 8k, 16k, or 32k")
}

function memoryLevel(text: string, context: ValueContext): number {
  const found = Math.log2(size(text, context)) - 8
  return Number.isInteger(found) && found >= 1 && found <= MAX_MEMORY_LEVEL
    ? found
    : context.failDirective("must be 512, 1k, 2k, 4k, 8k, 16k, 32k, 64k, or 128k")
}

/** Whether the answer is of a kind that is compressed for who takes it. */
function isCompressible(request: Request, { minBytes, types }: GzipSettings): boolean {
  const { response } = request
  const { status, contentLength } = response
  if (status !== 200 && status !== 403 && status !== 404) return false
  if ((response.headers.get("content-encoding") ?? "") !== "") return false
  if (contentLength !== -1 && contentLength < minBytes) return false
  return types === null || types.has(mimeType(request))
}

/** ngx_http_gzip_header_filter */
function compress(request: Request, settings: GzipSettings): void {
  if (!isCompressible(request, settings)) return
  addVary(request)
  if (!takesGzip(request)) return
  const { response } = request
  const { contentLength } = response
  response.headers.push("Content-Encoding", "content-encoding", "gzip")
  dropStrongFields(response)
  // An answer to HEAD has the same fields, and nothing to compress.
  if (request.head.method !== "HEAD")
    request.exchange = new ZlibExchange(request, new GzipCoding(settings, contentLength))
}

/** In an upstream's type nginx tells the charset apart; all else behind a `;` belongs to the type. */
function mimeType({ response, upstreamHeaders }: Request): string {
  const type = response.contentType.toLowerCase()
  if (upstreamHeaders === null) return type
  const charset = /; *charset=/.exec(type)
  return charset === null ? type : type.slice(0, charset.index)
}

class GzipCoding implements ZlibCoding {
  readonly name = "deflate"
  readonly #options: ZlibOptions

  /** `contentLength`: bytes of the body, -1 where that is not known. A small one needs no large window. */
  constructor(settings: GzipSettings, contentLength: number) {
    let { windowBits, memoryLevel } = settings
    // The window that zlib really has is smaller by 262 bytes. ngx_http_gzip_filter_memory.
    while (contentLength > 0 && contentLength < 2 ** (windowBits - 1) - 262) {
      windowBits--
      memoryLevel--
    }
    this.#options = {
      level: settings.level,
      windowBits,
      memLevel: Math.max(memoryLevel, 1),
      chunkSize: settings.bufferBytes,
    }
  }

  open(): Gzip {
    return createGzip(this.#options)
  }

  whole(body: Buffer): Buffer {
    return gzipSync(body, this.#options)
  }
}

/** $gzip_ratio: how many times less was sent than there was. ngx_http_gzip_ratio_variable. */
function gzipRatio(request: Request): string | undefined {
  const through = ExchangeFilter.find(request, ZlibExchange)
  if (through === undefined || through.coding.name !== "deflate" || !through.isWhole) return undefined
  const { bytesIn, bytesOut } = through
  let whole = Math.floor(bytesIn / bytesOut)
  let hundredths = Math.floor((bytesIn * 100) / bytesOut) % 100
  if (Math.floor((bytesIn * 1000) / bytesOut) % 10 > 4) {
    hundredths++
    if (hundredths > 99) {
      whole++
      hundredths = 0
    }
  }
  return `${whole}.${String(hundredths).padStart(2, "0")}`
}
