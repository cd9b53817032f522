/** OpenSSL's errors in the words of nginx's log. ngx_ssl_error, ngx_ssl_connection_error. */
import { CRIT, INFO } from "../base/logger.ts"

/** INFO, ERROR or CRIT of the error log. */
export type FailureLevel = number

/** Errors that a peer can cause at will: nginx logs them as `info`, all others as `crit`. */
const PEER_ERRORS: ReadonlySet<string> = new Set([
  "bad change cipher spec",
  "bad key share",
  "bad extension",
  "bad digest length",
  "missing sigalgs extension",
  "bad packet length",
  "no suitable signature algorithm",
  "no suitable key share",
  "block cipher pad is wrong",
  "digest check failed",
  "error in received cipher list",
  "excessive message size",
  "http request",
  "https proxy request",
  "length mismatch",
  "length too short",
  "no ciphers passed",
  "no ciphers specified",
  "no compression specified",
  "no shared cipher",
  "no shared signature algorithms",
  "no suitable groups",
  "packet length too long",
  "record length mismatch",
  "record too small",
  "clienthello tlsext",
  "parse tlsext",
  "callback failed",
  "no application protocol",
  "unexpected message",
  "unexpected record",
  "unexpected eof while reading",
  "unknown alert type",
  "unknown protocol",
  "unsupported protocol",
  "unsolicited extension",
  "wrong version number",
  "wrong ssl version",
  "wrong signature type",
  "bad legacy version",
  "bad record type",
  "bad early data",
  "bad extension",
  "data length too long",
  "decryption failed or bad record mac",
  "decryption failed",
  "encrypted length too long",
  "inappropriate fallback",
  "invalid alert",
  "not on record boundary",
  "required compression algorithm missing",
  "renegotiation mismatch",
  "scsv received when renegotiating",
  "too much early data",
  "too much skipped early data",
  "too many warn alerts",
  "unsafe legacy renegotiation disabled",
  "version too low",
  "extra data in message",
])

interface Entry {
  readonly number: string
  readonly library: string
  readonly reason: string
  readonly data: string
}

/**
 * The text that nginx puts behind `SSL:`, one `error:NUMBER:library::reason` for each error in `error`, without
 * the names of C functions and files. The message itself where it is not OpenSSL's.
 */
export function openSslText(error: Error): string {
  const entries = entriesOf(error.message)
  if (entries.length === 0) return error.message
  return entries
    .map(
      ({ number, library, reason, data }) =>
        `error:${number}:${library}::${reason}${data === "" ? "" : `:${data}`}`,
    )
    .join(" ")
}

/** `info` where the peer is to blame. */
export function levelOf(error: Error): FailureLevel {
  const last = entriesOf(error.message).at(-1)
  if (last === undefined) return INFO
  // Alerts that the peer sent have numbers from 1000 on.
  const isAlert = last.library === "SSL routines" && (Number.parseInt(last.number, 16) & 0xfff) >= 1000
  return isAlert || PEER_ERRORS.has(last.reason) ? INFO : CRIT
}

/** The entries of OpenSSL's error queue as Node prints them: `thread:error:number:library:function:reason:file:line:data`. */
function entriesOf(message: string): Entry[] {
  const entries: Entry[] = []
  for (const line of message.split("\n")) {
    const start = line.indexOf("error:")
    if (start === -1) continue
    const parts = line.slice(start).split(":")
    if (!/^[0-9A-F]{8}$/.test(parts[1] ?? "")) continue
    entries.push({
      number: parts[1] as string,
      library: parts[2] ?? "",
      reason: parts[4] ?? "",
      data: parts.slice(7).join(":"),
    })
  }
  return entries
}

/** OpenSSL's words for a file that cannot be opened with fopen(3). `errno` is a positive number. */
export function fileErrorText(path: string, errno: number, words: string): string {
  const system = `error:8${errno.toString(16).toUpperCase().padStart(7, "0")}:system library::${words}:calling fopen(${path}, r)`
  const bio =
    errno === ENOENT ? "error:10000080:BIO routines::no such file" : "error:10080002:BIO routines::system lib"
  return `${system} ${bio}`
}

const ENOENT = 2
