/** The time as logs write it, local, made once a second. ngx_time_update. */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const

export class LogTime {
  #second = -1
  #errorLog = ""
  #local = ""
  #iso8601 = ""

  /** `2026/11/20 12:31:24`; `nowMs` is milliseconds since 1970. */
  errorLog(nowMs: number): string {
    this.#update(nowMs)
    return this.#errorLog
  }

  /** `20/Nov/2026:12:31:24 +0000`: $time_local. */
  local(nowMs: number): string {
    this.#update(nowMs)
    return this.#local
  }

  /** `2026-11-20T12:31:24+00:00`: $time_iso8601. */
  iso8601(nowMs: number): string {
    this.#update(nowMs)
    return this.#iso8601
  }

  #update(nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    if (second === this.#second) return
    this.#second = second
    const date = new Date(second * 1000)
    const year = date.getFullYear()
    const month = twoDigits(date.getMonth() + 1)
    const day = twoDigits(date.getDate())
    const time = `${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}:${twoDigits(date.getSeconds())}`
    // getTimezoneOffset counts minutes from local time to UTC: the other way round than logs write it.
    const offset = -date.getTimezoneOffset()
    const sign = offset < 0 ? "-" : "+"
    const hours = twoDigits(Math.floor(Math.abs(offset) / 60))
    const minutes = twoDigits(Math.abs(offset) % 60)
    this.#errorLog = `${year}/${month}/${day} ${time}`
    this.#local = `${day}/${MONTHS[date.getMonth()]}/${year}:${time} ${sign}${hours}${minutes}`
    this.#iso8601 = `${year}-${month}-${day}T${time}${sign}${hours}:${minutes}`
  }
}

/** The time now as access logs write it. */
export class LogClock {
  readonly nowMs: () => number
  readonly #time = new LogTime()

  /** `nowMs`: the wall clock in milliseconds since 1970. */
  constructor(nowMs: () => number) {
    this.nowMs = nowMs
  }

  local(): string {
    return this.#time.local(this.nowMs())
  }

  iso8601(): string {
    return this.#time.iso8601(this.nowMs())
  }
}

/** Seconds with three decimals, `0.042`, from milliseconds; below 0 counts as 0. nginx's `%T.%03M`. */
export function formatSeconds(ms: number): string {
  const whole = ms > 0 ? Math.floor(ms) : 0
  const seconds = Math.floor(whole / 1000)
  const rest = whole - seconds * 1000
  if (rest >= 100) return `${seconds}.${rest}`
  return rest >= 10 ? `${seconds}.0${rest}` : `${seconds}.00${rest}`
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : `${value}`
}
