/** Events for programs: a message a line on standard output, and what is unusual on standard error. */
import { printable } from "../base/visible-text.ts"
import { ABNORMAL_CLOSURE, NORMAL_CLOSURE } from "../websocket/frames.ts"
import { describeEnd } from "./ending.ts"
import type { View, Writer } from "./events.ts"
import type { SessionEnd } from "./session.ts"
import { noticeText, payloadText } from "./terminal-view.ts"

export interface PlainOptions {
  readonly output: Writer
  readonly log: Writer
  /** Also what is as it should be. */
  readonly isVerbose: boolean
  readonly showsPings: boolean
  /** Payloads alone, with nothing between. */
  readonly isRaw: boolean
}

const LINE_END = Buffer.from("\n")

export function plainView({ output, log, isVerbose, showsPings, isRaw }: PlainOptions): View {
  const say = (text: string): void => log.write(`holdfast connect: ${printable(text)}\n`)
  return (event) => {
    switch (event.event) {
      case "message":
        if (isRaw) return output.write(event.data)
        return output.write(
          event.isBinary ? `${event.data.toString("hex")}\n` : Buffer.concat([event.data, LINE_END]),
        )
      case "ping":
        return showsPings ? say(`ping${payloadText(event.payload)}`) : undefined
      case "close":
        if (!isVerbose && isUsual(event.end)) return
        say(describeEnd(event.end))
        return event.explanation === undefined ? undefined : say(event.explanation)
      case "error":
        say(event.message)
        return event.details.forEach((line) => void log.write(`  ${printable(line)}\n`))
      case "retry":
        return say(noticeText(event))
      case "open":
      case "pong":
      case "notice":
        return isVerbose ? say(noticeText(event)) : undefined
      default:
    }
  }
}

/** We closed it, or the peer said that all is done. */
function isUsual({ by, code, fault }: SessionEnd): boolean {
  return fault === undefined && (by === "us" ? code !== ABNORMAL_CLOSURE : code === NORMAL_CLOSURE)
}
