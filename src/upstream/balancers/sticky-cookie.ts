import type { Request } from "../../runtime/request.ts"
import type { Template } from "../../runtime/template.ts"

/** The parameters of `sticky cookie`. */
export interface StickyCookieOptions {
  readonly name: string
  /** How long the cookie lasts, in seconds; "max" for until 2037; undefined for the browser's session. */
  readonly expires: number | "max" | undefined
  readonly domain: Template | undefined
  readonly path: string | undefined
  readonly isHttpOnly: boolean
  readonly isSecure: boolean
  readonly sameSite: Template | undefined
}

const MAX_EXPIRES = "; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000"

/** The value of the Set-Cookie field that binds the client to server `sid`. ngx_http_upstream_sticky_cookie_insert. */
export function stickyCookie(
  options: StickyCookieOptions,
  sid: string,
  request: Request,
  nowMs: number,
): string {
  const { expires } = options
  let text = `${options.name}=${sid}`
  if (expires === "max") text += MAX_EXPIRES
  else if (expires !== undefined)
    text += `; expires=${cookieDate(nowMs + expires * 1000)}; max-age=${expires}`
  const domain = options.domain?.evaluate(request) ?? ""
  if (domain !== "") text += `; domain=${domain}`
  if (options.isHttpOnly) text += "; httponly"
  if (options.isSecure) text += "; secure"
  const sameSite = options.sameSite?.evaluate(request) ?? ""
  // A value that a variable has made and that is none stands for the strictest.
  if (sameSite !== "") text += `; samesite=${isSameSite(sameSite) ? sameSite : "strict"}`
  return options.path === undefined ? text : `${text}; path=${options.path}`
}

/** Whether `text` is a value of the cookie attribute SameSite, in any case. */
export function isSameSite(text: string): boolean {
  return /^(?:strict|lax|none)$/i.test(text)
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/** `Thu, 31-Dec-37 23:55:55 GMT`; the year has four digits from 2038 on. ngx_http_cookie_time. */
export function cookieDate(ms: number): string {
  const date = new Date(Math.floor(ms / 1000) * 1000)
  const year = date.getUTCFullYear()
  const shortYear = year > 2037 ? String(year) : twoDigits(year % 100)
  const day = `${DAYS[date.getUTCDay()]}, ${twoDigits(date.getUTCDate())}-${MONTHS[date.getUTCMonth()]}-${shortYear}`
  return `${day} ${twoDigits(date.getUTCHours())}:${twoDigits(date.getUTCMinutes())}:${twoDigits(date.getUTCSeconds())} GMT`
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}
