/**
 * `charset`: names the encoding of answers in their Content-Type. ngx_http_charset_module, without its conversions: no
 * body is recoded, so `charset_map` is refused, and two names that differ are an error as they are in nginx without one.
 */
import { ERROR } from "../base/logger.ts"
import { directives, HTTP, LOCATION, LOCATION_IF, SERVER, type ValueContext } from "../config/row.ts"
import { flag } from "../config/values.ts"
import { defineModule, type LocationContext, type Module } from "../runtime/module.ts"
import type { Request } from "../runtime/request.ts"
import { type Template, template } from "../runtime/template.ts"
import { type MimeTypes, parseMimeTypes, withoutCharset } from "./mime-types.ts"

interface CharsetSettings {
  readonly charset: Template | null
  /** Of answers that name none; null: whatever it is, it is right. */
  readonly source: Template | null
  readonly overrides: boolean
  readonly types: MimeTypes
  readonly known: KnownCharsets
}

const X_ACCEL_CHARSET = "x-accel-charset"

/** The names that the configuration has, in lower case: X-Accel-Charset must give one of them. */
type KnownCharsets = Set<string>

const ALL = HTTP | SERVER | LOCATION | LOCATION_IF

const rows = directives({
  charset: {
    in: ALL,
    value: charsetName,
    default: "off",
    syntax: "charset | off",
    doc: "The charset that is added to the Content-Type of answers, or off.",
  },
  source_charset: {
    in: ALL,
    value: charsetName,
    default: "off",
    syntax: "charset",
    doc: "The charset that answers have: it must be that of `charset`, since nothing is recoded.",
  },
  override_charset: {
    in: ALL,
    value: flag,
    default: "off",
    doc: "Whether `charset` holds for answers of upstreams that name one; theirs must be the same, since nothing is recoded.",
  },
  charset_types: {
    in: HTTP | SERVER | LOCATION,
    args: [1, Number.POSITIVE_INFINITY],
    parse: parseMimeTypes,
    join: (former: MimeTypes, latter: MimeTypes): MimeTypes => ({
      has: (type) => former.has(type) || latter.has(type),
    }),
    default: "text/xml text/plain text/vnd.wap.wml application/javascript application/rss+xml",
    syntax: "MIME-type …",
    doc: "The types that `charset` is added to, besides text/html; `*` for all.",
  },
})

export const charset: Module<CharsetSettings, KnownCharsets> = defineModule({
  name: "charset",
  directives: rows,
  main: (): KnownCharsets => new Set(),
  location(conf, context): CharsetSettings | undefined {
    const { charset: name, source_charset: source } = conf
    if (name !== null && source !== null && differs(name.constant, source.constant))
      failDifferent(name, source, context)
    const known = context.main(charset)
    for (const text of [name?.constant, source?.constant])
      if (text !== undefined) known.add(text.toLowerCase())
    return { charset: name, source, overrides: conf.override_charset, types: conf.charset_types, known }
  },
  headers: setCharset,
})

function charsetName(text: string, context: ValueContext): Template | null {
  if (text === "$") context.fail('invalid variable name "$"')
  return text === "off" ? null : template(text, context)
}

function failDifferent(name: Template, source: Template, context: LocationContext): void {
  const directive = context.directiveOf("charset")
  if (directive === undefined) return
  context
    .blame(directive)
    .fail(`no "charset_map" between the charsets "${source.constant}" and "${name.constant}"`)
}

/** Names with variables are compared when they are known. */
function differs(name: string | undefined, source: string | undefined): boolean {
  return name !== undefined && source !== undefined && name.toLowerCase() !== source.toLowerCase()
}

/** ngx_http_charset_header_filter */
function setCharset(request: Request, settings: CharsetSettings): void {
  const { response } = request
  const asked = request.note<string>(X_ACCEL_CHARSET)
  if ((settings.charset === null && asked === undefined) || response.contentType === "") return
  const own = charsetOf(response.contentType)
  const name = destination(request, settings, own, asked)
  if (name === "") return
  const source = own === "" ? (settings.source?.evaluate(request) ?? "") : own
  if (source !== "" && differs(name, source))
    return fail(request, `no "charset_map" between the charsets "${source}" and "${name}"`)
  // Old browsers took the charset of a redirect for that of the page that it leads to.
  if (response.status === 301 || response.status === 302) return
  response.contentType = `${withoutCharset(response.contentType)}; charset=${name}`
}

/** "" where the answer is left as it is. ngx_http_destination_charset. */
function destination(
  request: Request,
  settings: CharsetSettings,
  own: string,
  asked: string | undefined,
): string {
  const { charset: name, overrides, types, known } = settings
  if (asked !== undefined) {
    if (known.has(asked.toLowerCase())) return asked
    fail(request, `unknown charset "${asked}" to override`)
    return ""
  }
  if (name === null) return ""
  if (own === "" ? !types.has(request.response.contentType) : !overrides) return ""
  return name.evaluate(request)
}

function fail(request: Request, reason: string): void {
  const doing = request.upstreamHeaders === null ? "" : " while reading response header from upstream"
  request.log(ERROR, reason + doing)
}

const CHARSET = /; *charset="?([^"]*)"?/i

function charsetOf(contentType: string): string {
  return CHARSET.exec(contentType)?.[1] ?? ""
}
