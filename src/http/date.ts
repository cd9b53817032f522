/** `ms` since the epoch as an IMF-fixdate (RFC 9110 §5.6.7), as in Date: "Sun, 06 Nov 1994 08:49:37 GMT". */
export function httpDate(ms: number): string {
  // ECMA-262 (21.4.4.43) gives toUTCString exactly this form for years of four digits.
  return new Date(ms).toUTCString()
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/** RFC 822 as IMF-fixdate has it, RFC 850, asctime; weekday and zone are not looked at. */
const IMF_FIXDATE = /^[^, ]*, *(\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d)/
const RFC_850 = /^[^, ]*, *(\d\d)-([A-Z][a-z]{2})-(\d\d) (\d\d):(\d\d):(\d\d)/
const ASCTIME = /^[^, ]* +([A-Z][a-z]{2}) {1,2}(\d\d?) (\d\d):(\d\d):(\d\d) (\d{4})/

/**
 * Seconds since the epoch of a time in one of the three forms of RFC 9110 §5.6.7; -1 where it is none.
 * ngx_parse_http_time.
 */
export function parseHttpDate(text: string): number {
  const found = IMF_FIXDATE.exec(text) ?? RFC_850.exec(text)
  if (found !== null) {
    const [, day, month, year, hour, minute, second] = found as unknown as string[]
    return secondsOf(fullYear(year as string), month, day, hour, minute, second)
  }
  const asctime = ASCTIME.exec(text)
  if (asctime === null) return -1
  const [, month, day, hour, minute, second, year] = asctime as unknown as string[]
  return secondsOf(Number(year), month, day, hour, minute, second)
}

/** Of two digits those below 70 are of this century. */
function fullYear(text: string): number {
  const year = Number(text)
  if (text.length === 4) return year
  return year < 70 ? 2000 + year : 1900 + year
}

function secondsOf(year: number, monthName: string | undefined, ...rest: (string | undefined)[]): number {
  const month = MONTHS.indexOf(monthName ?? "")
  const [day, hour, minute, second] = rest.map(Number) as [number, number, number, number]
  if (month === -1 || hour > 23 || minute > 59 || second > 59) return -1
  const date = new Date(0)
  date.setUTCFullYear(year, month, day)
  // A day that the month does not have would be one of the next.
  if (date.getUTCMonth() !== month || date.getUTCDate() !== day) return -1
  return date.getTime() / 1000 + hour * 3600 + minute * 60 + second
}
