/** add_header: fields that this server adds to responses. ngx_http_headers_module. */
import { directives, HTTP, LOCATION, LOCATION_IF, SERVER, type ValueContext } from "../config/row.ts"
import { headerKey } from "../http/header-list.ts"
import { defineModule } from "../runtime/module.ts"
import type { Request } from "../runtime/request.ts"
import { type Template, template } from "../runtime/template.ts"

interface AddedHeader {
  readonly name: string
  readonly key: string
  readonly value: Template
  /** On every status, not only on those of `isOrdinary`. */
  readonly isAlways: boolean
  /** There is one field of this name at most: the value takes the place of the one that is there. */
  readonly isReplacing: boolean
}

export const headers = defineModule({
  name: "headers",
  directives: directives({
    add_header: {
      in: HTTP | SERVER | LOCATION | LOCATION_IF,
      args: [2, 3],
      list: parseHeader,
      doc: "Adds a field to responses of 200, 201, 204, 206, 301 to 304, 307 and 308, and with always to all.",
    },
  }),
  location: (conf): readonly AddedHeader[] | undefined =>
    conf.add_header.length === 0 ? undefined : conf.add_header,
  headers: addHeaders,
})

function parseHeader(args: readonly string[], context: ValueContext): AddedHeader {
  const [name, text, word] = args as [string, string, string?]
  if (word !== undefined && word !== "always") context.fail(`invalid parameter "${word}"`)
  const key = headerKey(name)
  const isReplacing = key === "last-modified" || key === "etag"
  return { name, key, value: template(text, context), isAlways: word !== undefined, isReplacing }
}

function addHeaders(request: Request, added: readonly AddedHeader[]): void {
  const { headers: fields, status } = request.response
  const isCommon = isOrdinary(status)
  for (let i = 0; i < added.length; i++) {
    const { name, key, value, isAlways, isReplacing } = added[i]
    if (!isAlways && !isCommon) continue
    const text = value.evaluate(request)
    if (isReplacing) fields.remove(key)
    if (text !== "") fields.push(name, key, text)
  }
}

/** The statuses that get headers without `always`. */
export function isOrdinary(status: number): boolean {
  switch (status) {
    case 200:
    case 201:
    case 204:
    case 206:
    case 301:
    case 302:
    case 303:
    case 304:
    case 307:
    case 308:
      return true
    default:
      return false
  }
}
