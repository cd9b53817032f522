/** `expires`: how long an answer may be kept. ngx_http_headers_module. */
import { directives, HTTP, LOCATION, LOCATION_IF, SERVER, type ValueContext } from "../config/row.ts"
import { parseWholeSeconds } from "../config/values.ts"
import { parseHttpDate } from "../http/date.ts"
import { defineModule } from "../runtime/module.ts"
import type { Request } from "../runtime/request.ts"
import { type Template, template } from "../runtime/template.ts"
import { isOrdinary } from "./headers.ts"

/** `seconds` count from the answer's time, from its Last-Modified, or from midnight (`@15h`). */
type Expiry =
  | { readonly from: "off" | "epoch" | "max" }
  | { readonly from: "access" | "modified" | "midnight"; readonly seconds: number }

interface Written {
  readonly expiry: Expiry
  /** In place of it, where there are variables in it. */
  readonly text: Template | null
  readonly isModified: boolean
}

const DAY_SECONDS = 86_400
const EPOCH = "Thu, 01 Jan 1970 00:00:01 GMT"
const MAX = "Thu, 31 Dec 2037 23:55:55 GMT"
const MAX_AGE_SECONDS = 315_360_000

export const expires = defineModule({
  name: "expires",
  directives: directives({
    expires: {
      in: HTTP | SERVER | LOCATION | LOCATION_IF,
      args: [1, 2],
      parse: parseExpires,
      default: "off",
      syntax: "[modified] time, or epoch | max | off",
      doc: "Sets Expires and Cache-Control of answers: a time, epoch, max or off; on the statuses of add_header.",
    },
  }),
  location: ({ expires: written }): Written | undefined =>
    written.text === null && written.expiry.from === "off" ? undefined : written,
  headers: setExpires,
})

function parseExpires(args: readonly string[], context: ValueContext): Written {
  const isModified = args.length === 2
  if (isModified && args[0] !== "modified") context.failDirective("invalid value")
  const value = args[args.length - 1] as string
  const text = template(value, context)
  if (text.constant === undefined) return { expiry: { from: "off" }, text, isModified }
  const expiry = readExpiry(value, isModified)
  if (typeof expiry === "string") return context.failDirective(expiry)
  return { expiry, text: null, isModified }
}

/** The reason, in nginx's words, where it is none. ngx_http_parse_expires. */
function readExpiry(text: string, isModified: boolean): Expiry | string {
  if (!isModified && (text === "epoch" || text === "max" || text === "off")) return { from: text }
  const sign = text.charAt(0)
  if (sign === "@" && isModified) return 'daily time cannot be used with "modified" parameter'
  const isSigned = sign === "@" || sign === "+" || sign === "-"
  const milliseconds = parseWholeSeconds(isSigned ? text.slice(1) : text)
  if (milliseconds === undefined) return "invalid value"
  const seconds = milliseconds / 1000
  if (sign !== "@")
    return { from: isModified ? "modified" : "access", seconds: sign === "-" ? -seconds : seconds }
  return seconds > DAY_SECONDS ? "daily time value must be less than 24 hours" : { from: "midnight", seconds }
}

/** ngx_http_set_expires. A text of variables that is no time changes nothing. */
function setExpires(request: Request, { expiry, text, isModified }: Written): void {
  if (!isOrdinary(request.response.status)) return
  const read = text === null ? expiry : readExpiry(text.evaluate(request), isModified)
  if (typeof read === "string" || read.from === "off") return
  if (!("seconds" in read)) {
    return read.from === "epoch"
      ? setFields(request, EPOCH, "no-cache")
      : setFields(request, MAX, `max-age=${MAX_AGE_SECONDS}`)
  }
  const now = Math.floor(request.client.clock.nowMs() / 1000)
  const time = expiryTime(request, read.from, read.seconds, now)
  const maxAge = time - now
  const isPast = read.seconds < 0 || maxAge < 0
  setFields(request, new Date(time * 1000).toUTCString(), isPast ? "no-cache" : `max-age=${maxAge}`)
}

/** In seconds since 1970. */
function expiryTime(
  request: Request,
  from: "access" | "modified" | "midnight",
  seconds: number,
  now: number,
): number {
  if (from === "midnight") return nextTime(seconds, now)
  if (from === "access" || seconds === 0) return now + seconds
  const modified = parseHttpDate(request.response.headers.get("last-modified") ?? "")
  return (modified === -1 ? now : modified) + seconds
}

/** The next time that it is `seconds` after midnight, by the local clock. ngx_next_time. */
function nextTime(seconds: number, now: number): number {
  const day = new Date(now * 1000)
  day.setHours(0, 0, seconds, 0)
  if (day.getTime() / 1000 <= now) {
    day.setTime(now * 1000)
    day.setDate(day.getDate() + 1)
    day.setHours(0, 0, seconds, 0)
  }
  return day.getTime() / 1000
}

function setFields(request: Request, date: string, cacheControl: string): void {
  const { headers } = request.response
  headers.set("Expires", date)
  headers.set("Cache-Control", cacheControl)
}
