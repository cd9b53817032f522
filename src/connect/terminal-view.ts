/** Events for people at a terminal: `<` came, `>` was sent, all else is dim. */

import { printable, visibleText } from "../base/visible-text.ts"
import { formatDuration } from "../client/duration.ts"
import { wrap } from "../probe/formats/wrap.ts"
import { cutText } from "./cut-text.ts"
import { describeEnd, isClean } from "./ending.ts"
import type { ConnectEvent, View } from "./events.ts"
import { dump } from "./hex.ts"

export interface TerminalOptions {
  readonly isColoured: boolean
  /** Columns, asked for each time. */
  readonly width: () => number
  readonly showsPings: boolean
  /** Prints whole lines, wherever the cursor stands. */
  readonly print: (text: string) => void
}

const CYAN = "36"
const DIM = "2"
const RED = "31"
const MAX_SHOWN_CHARACTERS = 32_768
const MAX_SHOWN_BYTES = 512

export function terminalView(options: TerminalOptions): View {
  const { print, showsPings } = options
  const paint = (text: string, colour: string): string =>
    options.isColoured ? `\x1b[${colour}m${text}\x1b[0m` : text
  const say = (text: string, colour = DIM): void => {
    const lines = wrap(text, options.width() - 1)
    print(lines.map((line) => `${paint(line, colour)}\n`).join(""))
  }
  return (event) => {
    switch (event.event) {
      case "message":
        return print(messageLines(paint("<", CYAN), event, (text) => paint(text, DIM)))
      case "sent":
        return print(messageLines(">", event, (text) => paint(text, DIM)))
      case "ping":
        return showsPings ? say(`ping${payloadText(event.payload)}`) : undefined
      case "close":
        say(printable(describeEnd(event.end)), isClean(event.end) ? DIM : RED)
        return event.explanation === undefined ? undefined : say(event.explanation)
      case "error":
        say(printable(event.message), RED)
        return event.details.forEach((line) => void say(`  ${printable(line)}`))
      default:
        return say(printable(noticeText(event)))
    }
  }
}

/** What is worth a line, in the same words for terminals and logs. */
export function noticeText(
  event: Extract<ConnectEvent, { event: "open" | "pong" | "retry" | "notice" }>,
): string {
  switch (event.event) {
    case "open": {
      const { address, tls, subprotocol, extensions, tookMs } = event.info
      const agreed = [address, tls, subprotocol === "" ? "" : `subprotocol ${subprotocol}`, extensions]
      const parts = agreed.filter((part) => part !== undefined && part !== "")
      return `connected to ${event.url} (${parts.join(", ")}; ${formatDuration(tookMs)})`
    }
    case "pong": {
      const time =
        event.roundTripMs === undefined
          ? "that nobody asked for"
          : `after ${formatDuration(event.roundTripMs)}`
      return `pong${payloadText(event.payload)} ${time}`
    }
    case "retry":
      return `connecting again in ${formatDuration(event.inMs)} (try ${event.attempt})`
    default:
      return event.text
  }
}

export function payloadText(payload: Buffer): string {
  return payload.length === 0 ? "" : ` "${printable(payload.toString("utf8"))}"`
}

function messageLines(
  mark: string,
  { data, isBinary }: { readonly data: Buffer; readonly isBinary: boolean },
  dim: (text: string) => string,
): string {
  if (isBinary) {
    const rest = data.length - MAX_SHOWN_BYTES
    const more = rest > 0 ? [dim(`${count(rest)} more bytes`)] : []
    const title = dim(`binary, ${count(data.length)} ${data.length === 1 ? "byte" : "bytes"}`)
    return `${[`${mark} ${title}`, ...dump(data, MAX_SHOWN_BYTES), ...more].join("\n")}\n`
  }
  const { text, rest } = cutText(data.toString("utf8"), MAX_SHOWN_CHARACTERS)
  const shown = visibleText(text).replaceAll("\n", "\n  ")
  const more = rest > 0 ? `\n${dim(`${count(rest)} more characters`)}` : ""
  return `${mark} ${shown}${more}\n`
}

function count(number: number): string {
  return number.toLocaleString("en-US")
}
