/** add_header: fields that this server adds to responses. ngx_http_headers_module. */
import { directives, HTTP, LOCATION, LOCATION_IF, SERVER, type ValueContext } from "../config/row.ts"
import type { Scope } from "../config/scope.ts"
import { oneOf } from "../config/values.ts"
import { parseHttpDate } from "../http/date.ts"
import { headerKey } from "../http/header-list.ts"
import { onOneLine } from "../http/octets.ts"
import { defineModule } from "../runtime/module.ts"
import type { Request } from "../runtime/request.ts"
import { type Template, template } from "../runtime/template.ts"

const ANYWHERE = HTTP | SERVER | LOCATION | LOCATION_IF

/** One `add_header` or `add_trailer`. */
export interface AddedField {
  readonly name: string
  readonly key: string
  readonly value: Template
  /** On every status, not only on those of `isOrdinary`. */
  readonly isAlways: boolean
  /** There is one field of this name at most: the value takes the place of the one that is there. */
  readonly isReplacing: boolean
}

/** The words of add_header_inherit and add_trailer_inherit. */
export const inheritance = oneOf("off", "on", "merge")

export const headers = defineModule({
  name: "headers",
  directives: directives({
    add_header: {
      in: ANYWHERE,
      args: [2, 3],
      list: parseField,
      syntax: "name value [always]",
      doc: "Adds a field to responses of 200, 201, 204, 206, 301 to 304, 307 and 308, and with always to all.",
    },
    add_header_inherit: {
      in: ANYWHERE,
      value: inheritance,
      default: "on",
      doc: "What becomes of the add_header lines of higher levels: `on` keeps them where this one has none, `merge` adds them to those of this one, `off` drops them.",
    },
  }),
  location: (_conf, { scope }): readonly AddedField[] | undefined =>
    addedFields(scope, "add_header", "add_header_inherit"),
  headers: addHeaders,
})

export function parseField(args: readonly string[], context: ValueContext): AddedField {
  const [name, text, word] = args as [string, string, string?]
  const value = template(text, context)
  if (word !== undefined && word !== "always") context.fail(`invalid parameter "${word}"`)
  const key = headerKey(name)
  const isReplacing = key === "last-modified" || key === "etag"
  return { name, key, value, isAlways: word !== undefined, isReplacing }
}

/**
 * The fields in force at `scope`, its own before those of higher levels; undefined where there are none. `inherit`
 * names the directive that says how they come down. ngx_http_headers_merge_conf.
 */
export function addedFields(scope: Scope, name: string, inherit: string): readonly AddedField[] | undefined {
  const own = scope.own.get(name)?.value as readonly AddedField[] | undefined
  if (scope.parent === null) return own
  const way = inheritanceAt(scope, inherit)
  if (way === "off" || (way === "on" && own !== undefined)) return own
  const above = addedFields(scope.parent, name, inherit)
  return own === undefined || above === undefined ? (own ?? above) : [...own, ...above]
}

function inheritanceAt(scope: Scope, inherit: string): unknown {
  for (let level: Scope | null = scope; level !== null; level = level.parent) {
    const own = level.own.get(inherit)
    if (own !== undefined) return own.value
  }
  return "on"
}

function addHeaders(request: Request, added: readonly AddedField[]): void {
  const { headers: fields, status } = request.response
  const isCommon = isOrdinary(status)
  for (let i = 0; i < added.length; i++) {
    const { name, key, value, isAlways, isReplacing } = added[i]
    if (!isAlways && !isCommon) continue
    const text = onOneLine(value.evaluate(request))
    if (isReplacing) fields.remove(key)
    // If-Range is compared with what is sent.
    if (key === "last-modified") request.response.modifiedSeconds = parseHttpDate(text)
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
