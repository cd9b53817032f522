const QUESTION = 0x3f
const PERCENT = 0x25
const DELETE = 0x7f

/**
 * Decodes escapes of visible octets above "%" in a redirect's URL, up to its "?"; others stay as they are, and broken
 * ones lose their "%". ngx_unescape_uri, NGX_UNESCAPE_REDIRECT.
 */
export function unescapeRedirect(url: string): string {
  if (!url.includes("%")) return url
  let out = ""
  for (let i = 0; i < url.length; i++) {
    const code = url.charCodeAt(i)
    if (code === QUESTION) return out + url.slice(i)
    if (code !== PERCENT) {
      out += url[i]
      continue
    }
    const high = hexDigit(url.charCodeAt(i + 1))
    if (high < 0) {
      // What stands behind "%" is taken as it is, were it another "%" or "?".
      out += url[++i] ?? ""
      continue
    }
    const low = hexDigit(url.charCodeAt(i + 2))
    if (low >= 0) {
      const octet = high * 16 + low
      if (octet === QUESTION) return `${out}?${url.slice(i + 3)}`
      out += octet > PERCENT && octet < DELETE ? String.fromCharCode(octet) : url.slice(i, i + 3)
    }
    i += 2
  }
  return out
}

/** -1 where it is none. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1
}
