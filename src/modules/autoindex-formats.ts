/** The listings of folders as text: HTML, JSON, XML. ngx_http_autoindex_module. */

/** What a folder has in it. */
export interface FolderEntry {
  /** Bytes as latin1. */
  readonly name: string
  readonly kind: "directory" | "file" | "other"
  /** Seconds since the epoch. */
  readonly modifiedSeconds: number
  readonly bytes: number
}

export interface HtmlStyle {
  /** Sizes in bytes; K, M and G otherwise. */
  readonly isExact: boolean
  /** What is added to times, for those of the server's zone. */
  readonly offsetSeconds: number
  /** Names are UTF-8: what is counted is characters. */
  readonly isUtf8: boolean
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/** The width of the column of names. */
const NAME_LENGTH = 50
const EXACT_SIZE_LENGTH = 19
const SIZE_LENGTH = 7

export function listingAsHtml(uri: string, entries: readonly FolderEntry[], style: HtmlStyle): string {
  const title = escapeHtml(uri)
  let text =
    `<html>\r\n<head><title>Index of ${title}</title></head>\r\n<body>\r\n<h1>Index of ${title}</h1>` +
    '<hr><pre><a href="../">../</a>\r\n'
  for (const entry of entries) {
    const size = style.isExact ? exactSize(entry) : roundedSize(entry)
    text += `${link(entry, style.isUtf8)} ${time(entry.modifiedSeconds + style.offsetSeconds)} ${size}\r\n`
  }
  return `${text}</pre><hr></body>\r\n</html>\r\n`
}

/** The link, and blanks up to the column's end. */
function link({ name, kind }: FolderEntry, isUtf8: boolean): string {
  const isFolder = kind === "directory"
  const open = `<a href="${escapeComponent(name)}${isFolder ? "/" : ""}">`
  const characters = isUtf8 ? splitUtf8(name) : undefined
  const length = characters?.length ?? name.length
  if (length > NAME_LENGTH) {
    const kept = NAME_LENGTH - 3
    return `${open}${escapeHtml(characters?.slice(0, kept).join("") ?? name.slice(0, kept))}..&gt;</a>`
  }
  const hasSlash = isFolder && length < NAME_LENGTH
  return `${open}${escapeHtml(name)}${hasSlash ? "/" : ""}</a>${" ".repeat(NAME_LENGTH - length - (hasSlash ? 1 : 0))}`
}

/** One text for each character, which is the bytes of its UTF-8 as latin1. */
function splitUtf8(name: string): string[] {
  return name.match(/[\0-\x7f]|[\x80-\xff][\x80-\xbf]*/g) ?? []
}

function time(seconds: number): string {
  const date = new Date(seconds * 1000)
  const day = `${two(date.getUTCDate())}-${MONTHS[date.getUTCMonth()]}-${date.getUTCFullYear()}`
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}

function exactSize({ kind, bytes }: FolderEntry): string {
  return (kind === "directory" ? "-" : String(bytes)).padStart(EXACT_SIZE_LENGTH)
}

function roundedSize({ kind, bytes }: FolderEntry): string {
  if (kind === "directory") return "-".padStart(SIZE_LENGTH)
  for (const [power, scale] of ["G", "M"].entries()) {
    const unit = 1024 ** (3 - power)
    if (bytes >= unit) return `${rounded(bytes, unit)}${scale}`.padStart(SIZE_LENGTH)
  }
  if (bytes > 9999) return `${rounded(bytes, 1024)}K`.padStart(SIZE_LENGTH)
  return String(bytes).padStart(SIZE_LENGTH)
}

function rounded(bytes: number, unit: number): number {
  return Math.floor(bytes / unit) + (bytes % unit > unit / 2 - 1 ? 1 : 0)
}

/** `callback`: the function of JSONP; "" for JSON alone. */
export function listingAsJson(entries: readonly FolderEntry[], callback: string): string {
  const lines = entries.map(({ name, kind, modifiedSeconds, bytes }) => {
    const size = kind === "file" ? `, "size":${bytes}` : ""
    const date = new Date(modifiedSeconds * 1000).toUTCString()
    return `\r\n{ "name":"${escapeJson(name)}", "type":"${kind}", "mtime":"${date}"${size} }`
  })
  const list = `[${lines.join(",")}\r\n]`
  return callback === "" ? list : `/* callback */\r\n${callback}(${list});`
}

export function listingAsXml(entries: readonly FolderEntry[]): string {
  let text = '<?xml version="1.0"?>\r\n<list>\r\n'
  for (const { name, kind, modifiedSeconds, bytes } of entries) {
    const date = new Date(modifiedSeconds * 1000).toISOString().replace(".000Z", "Z")
    const size = kind === "file" ? ` size="${bytes}"` : ""
    text += `<${kind} mtime="${date}"${size}>${escapeHtml(name)}</${kind}>\r\n`
  }
  return `${text}</list>\r\n`
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  "<": "&lt;",
  ">": "&gt;",
  "&": "&amp;",
  '"': "&quot;",
}

/** ngx_escape_html */
function escapeHtml(text: string): string {
  return text.replace(/[<>&"]/g, (char) => HTML_ESCAPES[char] as string)
}

/** NGX_ESCAPE_URI_COMPONENT: all but what is unreserved (RFC 3986 §2.3). */
function escapeComponent(text: string): string {
  return text.replace(/[^A-Za-z0-9._~-]/g, (char) => `%${hex(char)}`)
}

const JSON_ESCAPES: Readonly<Record<string, string>> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\b": "\\b",
  "\f": "\\f",
  '"': '\\"',
  "\\": "\\\\",
}

/** ngx_escape_json */
function escapeJson(text: string): string {
  return text.replace(/["\\\0-\x1f]/g, (char) => JSON_ESCAPES[char] ?? `\\u00${hex(char)}`)
}

function hex(char: string): string {
  return char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")
}
