/** gunzip: answers in gzip are unpacked for clients that do not take it. ngx_http_gunzip_filter_module. */
import { constants, createGunzip, type Gunzip } from "node:zlib"
import { directives, HTTP, LOCATION, SERVER } from "../config/row.ts"
import { buffers, flag } from "../config/values.ts"
import { defineModule } from "../runtime/module.ts"
import type { Request } from "../runtime/request.ts"
import { addVary, takesGzip } from "./gzip/gzip-client.ts"
import { dropStrongFields } from "./gzip/response-fields.ts"
import { type ZlibCoding, ZlibExchange } from "./gzip/zlib-exchange.ts"

const ALL = HTTP | SERVER | LOCATION

export const gunzip = defineModule({
  name: "gunzip",
  directives: directives({
    gunzip: {
      in: ALL,
      value: flag,
      default: "off",
      doc: "Unpacks answers with `Content-Encoding: gzip` for clients that do not take it.",
    },
    gunzip_buffers: {
      in: ALL,
      args: 2,
      parse: buffers,
      default: "32 4k",
      syntax: "number size",
      doc: "The second argument is the size of the pieces that unpacked data comes in; their number has no meaning.",
    },
  }),
  location: (conf): GunzipCoding | undefined =>
    conf.gunzip ? new GunzipCoding(Math.max(conf.gunzip_buffers.sizeBytes, 64)) : undefined,
  headers: unpack,
})

class GunzipCoding implements ZlibCoding {
  readonly name = "inflate"
  readonly #pieceBytes: number

  constructor(pieceBytes: number) {
    this.#pieceBytes = pieceBytes
  }

  open(): Gunzip {
    // A body that breaks off gives what there was of it, as in nginx.
    return createGunzip({ chunkSize: this.#pieceBytes, finishFlush: constants.Z_SYNC_FLUSH })
  }
}

/** ngx_http_gunzip_header_filter */
function unpack(request: Request, coding: GunzipCoding): void {
  const { response } = request
  if (response.headers.get("content-encoding")?.toLowerCase() !== "gzip") return
  addVary(request)
  if (takesGzip(request)) return
  response.headers.remove("content-encoding")
  dropStrongFields(response)
  if (request.head.method !== "HEAD") request.exchange = new ZlibExchange(request, coding)
}
