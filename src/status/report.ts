/** A snapshot as text for people: plain tables. */
import type {
  LocationStatus,
  PeerStatus,
  Snapshot,
  UpstreamStatus,
  WorkerStatus,
} from "../observe/snapshot.ts"
import { type Column, shorten, table } from "./table.ts"
import { duration, failureText, shortDuration, size } from "./words.ts"

export interface ReportOptions {
  /** Columns of the terminal. */
  readonly width: number
  readonly isColoured: boolean
}

/** Failures that are shown; all are in the JSON. */
const MAX_FAILURES = 20

const BOLD = "\x1b[1m"
const RED = "\x1b[31m"
const YELLOW = "\x1b[33m"
const PLAIN = "\x1b[0m"

/** Lines without their ends. */
export function report(snapshot: Snapshot, options: ReportOptions): string[] {
  const view = new View(snapshot, options)
  const sections = [
    view.head(),
    view.workers(),
    view.listeners(),
    view.locations(),
    view.failures(),
    view.upstreams(),
  ]
  return sections
    .filter((lines) => lines.length > 0)
    .flatMap((lines, at) => (at === 0 ? lines : ["", ...lines]))
}

class View {
  readonly #snapshot: Snapshot
  readonly #width: number
  readonly #isColoured: boolean

  constructor(snapshot: Snapshot, { width, isColoured }: ReportOptions) {
    this.#snapshot = snapshot
    this.#width = width
    this.#isColoured = isColoured
  }

  head(): string[] {
    const { version, pid, state, replaces, replacedBy, startedAt, rssBytes, generation } = this.#snapshot
    const { connections: count } = this.#snapshot
    const about = [
      `holdfast ${version}`,
      `process ${pid}`,
      state === "running" ? `running for ${duration(this.#msSince(startedAt))}` : state,
      size(rssBytes),
    ]
    const loaded = `, generation ${generation.number}, loaded ${this.#ago(generation.loadedAt)}`
    return [
      ...this.#text(about.join(", "), BOLD),
      ...(replaces === null ? [] : this.#text(`it takes the place of process ${replaces}`, YELLOW)),
      ...(replacedBy === null ? [] : this.#text(`process ${replacedBy} takes its place`, YELLOW)),
      ...this.#text(`${shorten(generation.file, Math.max(this.#width - loaded.length, 20))}${loaded}`),
      ...this.#lastReload(),
      ...this.#text(
        `${count.active} active connections: ${count.reading} reading, ${count.writing} writing, ${count.waiting} waiting`,
      ),
      ...this.#text(
        `${count.tunnels} tunnels; ${count.accepted} accepted connections, ${count.requests} requests so far`,
      ),
    ]
  }

  #lastReload(): string[] {
    const { lastReload } = this.#snapshot
    if (lastReload === null || lastReload.ok) return []
    const said = `the reload ${this.#ago(lastReload.at)} failed, all stays as it was: ${lastReload.error ?? ""}`
    return this.#text(said, RED)
  }

  workers(): string[] {
    const columns: Column[] = [
      { title: "WORKER" },
      { title: "STATE" },
      { title: "RUNNING" },
      { title: "DIED", isNumber: true },
      { title: "BUSY", isNumber: true },
      { title: "LAG", isNumber: true },
      { title: "HEAP", isNumber: true },
      { title: "CONNS", isNumber: true },
      { title: "TUNNELS", isNumber: true },
    ]
    const { workers } = this.#snapshot
    const rows = workers.map((worker) => [
      String(worker.index),
      worker.state,
      worker.startedAt === null ? "-" : shortDuration(this.#msSince(worker.startedAt)),
      String(worker.restarts),
      known(worker.busy, (busy) => `${Math.round(busy * 100)} %`),
      known(worker.answerMs, (ms) => `${ms} ms`),
      known(worker.heapBytes, size),
      String(worker.connections),
      known(worker.tunnels, String),
    ])
    return this.#table(columns, rows, (row) => (isWell(workers[row]) ? "" : RED))
  }

  listeners(): string[] {
    const columns: Column[] = [
      { title: "LISTENS ON", isFlexible: true },
      { title: "SPEAKS" },
      { title: "ACCEPTED", isNumber: true },
    ]
    const rows = this.#snapshot.listeners.map(({ address, ssl, http2, proxyProtocol, accepted }) => [
      address,
      [ssl ? "ssl" : "plain", ...(http2 ? ["http2"] : []), ...(proxyProtocol ? ["proxy_protocol"] : [])].join(
        " ",
      ),
      String(accepted),
    ])
    return this.#table(columns, rows)
  }

  locations(): string[] {
    const columns: Column[] = [
      { title: "WEBSOCKETS AT", isFlexible: true },
      { title: "OPEN", isNumber: true },
      { title: "OPENED", isNumber: true },
      { title: "FAILED", isNumber: true },
    ]
    const { locations } = this.#snapshot
    if (locations.length === 0) return this.#text("no WebSockets so far")
    const rows = locations.map((one) => [
      placeOf(one),
      String(one.open),
      String(one.opened),
      String(one.failed),
    ])
    return this.#table(columns, rows, (row) => ((locations[row]?.failed ?? 0) > 0 ? YELLOW : ""))
  }

  /** The same causes at two locations are two lines: they are mended in two places. */
  failures(): string[] {
    const columns: Column[] = [
      { title: "FAILED HANDSHAKES", isFlexible: true },
      { title: "COUNT", isNumber: true },
      { title: "LAST", isNumber: true },
    ]
    const lines: string[] = []
    const failing = this.#snapshot.locations.filter(({ failures }) => failures.length > 0)
    const rows = failing.flatMap((one) => [
      [placeOf(one), "", ""],
      ...one.failures.map((failure) => [
        `  ${failureText(failure)}`,
        String(failure.count),
        this.#ago(failure.lastAt),
      ]),
    ])
    if (rows.length === 0) return lines
    const shown = rows.slice(0, MAX_FAILURES)
    lines.push(...this.#table(columns, shown))
    if (shown.length < rows.length)
      lines.push(...this.#text(`… and ${rows.length - shown.length} lines more: --json has all`))
    if (failing.some(({ failures }) => failures.some(({ cause }) => cause === "upgrade-not-forwarded")))
      lines.push(...this.#text("Where Upgrade is not passed on, holdfast check says what is missing."))
    return lines
  }

  upstreams(): string[] {
    const columns: Column[] = [
      { title: "UPSTREAM", isFlexible: true },
      { title: "STATE" },
      { title: "TUNNELS", isNumber: true },
      { title: "ACTIVE", isNumber: true },
      { title: "FAILS", isNumber: true },
      { title: "LAST FAIL", isNumber: true },
    ]
    const marks: string[] = []
    const rows: string[][] = []
    for (const group of this.#snapshot.upstreams) {
      rows.push([group.name])
      marks.push("")
      for (const peer of group.peers) {
        rows.push(this.#peer(group, peer))
        marks.push(PEER_COLOURS.get(peer.state) ?? "")
      }
    }
    return this.#table(columns, rows, (row) => marks[row] ?? "")
  }

  #peer({ zone }: UpstreamStatus, peer: PeerStatus): string[] {
    const { workers, state, backup, single, tunnels, connections, fails, lastFailureAt } = peer
    const [having, all] = workers
    const where = zone || having === all ? "" : ` ${having}/${all}`
    return [
      `  ${backup ? "backup " : ""}${peer.address}`,
      state + where,
      String(tunnels),
      String(connections),
      // As in nginx, a group of one counts none.
      single ? "-" : String(fails),
      lastFailureAt === null ? "-" : this.#ago(lastFailureAt),
    ]
  }

  #table(
    columns: readonly Column[],
    rows: readonly (readonly string[])[],
    colourOf: (row: number) => string = () => "",
  ): string[] {
    if (rows.length === 0) return []
    const [head = "", ...lines] = table(columns, rows, this.#width)
    return [this.#bold(head), ...lines.map((line, row) => this.#paint(colourOf(row), line))]
  }

  #msSince(time: string): number {
    return Date.parse(this.#snapshot.at) - Date.parse(time)
  }

  #ago(time: string): string {
    return `${shortDuration(this.#msSince(time))} ago`
  }

  /** Lines of running text. */
  #text(text: string, colour = ""): string[] {
    return wrap(text, this.#width).map((line) => this.#paint(colour, line))
  }

  #bold(text: string): string {
    return this.#paint(BOLD, text)
  }

  #paint(colour: string, text: string): string {
    return this.#isColoured && colour !== "" ? colour + text + PLAIN : text
  }
}

const PEER_COLOURS: ReadonlyMap<string, string> = new Map([
  ["failing", YELLOW],
  ["full", YELLOW],
  ["checking", YELLOW],
  ["unavailable", RED],
  ["unhealthy", RED],
])

function placeOf({ server, location }: LocationStatus): string {
  return `${server === "" ? "_" : server} ${location === "" ? "(no location)" : location}`
}

function isWell(worker: WorkerStatus | undefined): boolean {
  return worker?.state === "serving" || worker?.state === "retired"
}

function known<T>(value: T | null, words: (value: T) => string): string {
  return value === null ? "-" : words(value)
}

/** Lines of whole words, at most `width` long; words that are longer are cut. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ""
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`
    if (longer.length <= width) {
      line = longer
      continue
    }
    if (line !== "") lines.push(line)
    line = line === "" && lines.length === 0 ? word : `  ${word}`
    for (; line.length > width; line = `  ${line.slice(width)}`) lines.push(line.slice(0, width))
  }
  return [...lines, line]
}
