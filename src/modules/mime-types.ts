/** Lists of MIME types that a directive of a filter names: `gzip_types`, `charset_types`. ngx_http_types_slot. */
import type { ValueContext } from "../config/row.ts"

/** Which answers a filter is for, by their Content-Type without its charset. */
export interface MimeTypes {
  has(contentType: string): boolean
}

const ALL: MimeTypes = { has: (contentType) => contentType !== "" }

/** The types of `names`, in lower case, and text/html, which is always one. `*` is every type. */
export function mimeTypes(names: readonly string[], warn: (message: string) => void): MimeTypes {
  if (names.includes("*")) return ALL
  const types = new Set(["text/html"])
  for (const name of names) {
    const type = name.toLowerCase()
    if (types.has(type)) warn(`duplicate MIME type "${name}"`)
    types.add(type)
  }
  return { has: (contentType) => types.has(withoutCharset(contentType).toLowerCase()) }
}

/** The parser of a row whose arguments are types. */
export function parseMimeTypes(args: readonly string[], context: ValueContext): MimeTypes {
  return mimeTypes(args, (message) => context.warn(message))
}

const CHARSET = /; *charset=/i

/** A type ends where its charset begins; other parameters belong to it. ngx_http_upstream_copy_content_type. */
export function withoutCharset(contentType: string): string {
  const found = CHARSET.exec(contentType)
  return found === null ? contentType : contentType.slice(0, found.index)
}
