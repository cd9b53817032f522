import { createHash } from "node:crypto"
import { parseChunked } from "../support/message-reader.ts"
import type { RawResponse } from "../support/raw-client.ts"
import type { SeenResponse } from "./case.ts"

const MAX_SHOWN = 1500

/** Long texts are compared by their digests, so that a difference can be read. */
function shorten(text: string): string {
  if (text.length <= MAX_SHOWN) return text
  const digest = createHash("sha256").update(text, "latin1").digest("hex")
  return `${text.slice(0, 200)}… ${text.length} bytes, ${digest}`
}

/** The addresses and names of one case on one edge, both ways: into its texts, and out of what was seen. */
export class Names {
  readonly prefix: string
  readonly ports: readonly number[]
  readonly #values: ReadonlyMap<string, string>
  readonly #portNames: ReadonlyMap<string, string>

  /** `values`: placeholder to text; `portNames`: port to the placeholder that it is shown as. */
  constructor(
    prefix: string,
    ports: readonly number[],
    values: ReadonlyMap<string, string>,
    portNames: ReadonlyMap<string, string>,
  ) {
    this.prefix = prefix
    this.ports = ports
    this.#values = values
    this.#portNames = portNames
  }

  /** Replaces the placeholders in a text of the case. */
  expand(text: string): string {
    return text.replace(/\{([\w.:*-]+)\}/g, (whole, name: string) => this.#values.get(name) ?? whole)
  }

  /** Replaces what differs from run to run: ports, the prefix, the programs' names and versions. */
  normalise(text: string): string {
    return (
      text
        .replaceAll(this.prefix, "{prefix}")
        // The number of a temporary file, and its folders, which its last digits name.
        .replace(/(_temp)((?:\/\d{1,9})*)\/\d{10}\b/g, (_, name: string, levels: string) => {
          return `${name}${levels.replaceAll(/\d/g, "N")}/{number}`
        })
        .replace(/(boundary=|--)\d{20}\b/g, "$1{boundary 0123456789}")
        .replace(/\b\d{5}\b/g, (port) => this.#portNames.get(port) ?? port)
        .replace(/<center>(?:nginx|holdfast)((?:\/[\d.]+)?)<\/center>/gi, (_, version: string) =>
          version === "" ? "<center>{server}</center>" : "<center>{server}/{version}</center>",
        )
    )
  }
}

/** An answer in the form in which two edges' answers are compared. */
export function describeResponse(response: RawResponse, names: Names): SeenResponse {
  const body = names.normalise(response.body)
  const headers: string[] = []
  const date = response.headers.find(([name]) => name === "Date")?.[1]
  for (const [name, value] of response.headers) {
    if (name === "Date") continue
    if (name === "Expires") {
      headers.push(`Expires: ${relativeTime(value, date)}`)
      continue
    }
    if (name === "Server") headers.push(`Server: ${describeServer(value)}`)
    else if (name === "Content-Length" && body !== response.body) {
      // The page's length follows from the program's name in it.
      headers.push(`Content-Length: ${Number(value) - response.body.length + body.length}`)
    } else headers.push(shorten(names.normalise(`${name}: ${value}`)))
  }
  return {
    status: response.status,
    reason: response.reason,
    version: `1.${response.versionMinor}`,
    headers: headers.sort(),
    body: shorten(body),
    framing: response.framing,
    complete: response.complete,
    interim: response.interim.map((message) => message.rawHead),
  }
}

/** Seconds from the answer's own date, where it is a time of these days. */
function relativeTime(value: string, date: string | undefined): string {
  const seconds = (Date.parse(value) - Date.parse(date ?? "")) / 1000
  return Math.abs(seconds) < 2 * 365 * 86_400
    ? `{date ${seconds < 0 ? "-" : "+"} ${Math.abs(seconds)} s}`
    : value
}

function describeServer(value: string): string {
  return value
    .replace(/^(?:nginx|holdfast)\b/i, "{server}")
    .replace(/^\{server\}\/[\d.]+$/, "{server}/{version}")
}

/** What a backend got, with chunked bodies in one chunk: where chunks begin is the edge's own affair. */
export function describeReceived(received: string, names: Names): string {
  // A TLS ClientHello to a backend without TLS: nothing in it is the same twice.
  if (received.startsWith("\x16\x03")) return ""
  let result = ""
  let rest = received
  for (;;) {
    const head =
      /^[A-Z]+ [^\r\n]*\r\n(?:[^\r\n]+\r\n)*?Transfer-Encoding: chunked\r\n(?:[^\r\n]+\r\n)*\r\n/m.exec(rest)
    if (head === null) return shorten(names.normalise(result + rest))
    const start = head.index + head[0].length
    const chunked = parseChunked(rest, start)
    result += `${rest.slice(0, start)}{chunked ${chunked.body.length}: ${chunked.body}${chunked.done ? "}" : " unfinished}"}`
    rest = rest.slice(chunked.end)
  }
}

/** A log's lines without what differs from run to run: time, process, connection number. */
export function describeLog(text: string, names: Names): string[] {
  const lines = text.split("\n")
  lines.pop()
  // Ports last: a process may have the number of one.
  return lines.map((line) => names.normalise(withoutRun(line)))
}

function withoutRun(line: string): string {
  return line
    .replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d (\[\w+\]) \d+#\d+: (?:\*\d+ )?/, "$1 ")
    .replace(/\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}/g, "{time_local}")
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d/g, "{time_iso8601}")
    .replace(/\b\d{10}\.\d{3}\b/g, "{msec}")
    .replace(/\b\d+\.\d{3}\b/g, "{seconds}")
}
