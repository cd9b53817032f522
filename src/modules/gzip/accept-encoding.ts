/** Whether a client takes gzip. ngx_http_gzip_accept_encoding. */

const OK = true
const DECLINED = false

/** Whether the value of Accept-Encoding has gzip in it with a weight above 0. */
export function acceptsGzipCoding(value: string): boolean {
  const text = value.toLowerCase()
  let start = 0
  let at: number
  for (;;) {
    at = text.indexOf("gzip", start)
    if (at === -1) return DECLINED
    if (at === start || text[at - 1] === "," || text[at - 1] === " ") break
    start = at + 4
  }
  at = skipBlanks(text, at + 4)
  if (at === text.length || text[at] === ",") return OK
  if (text[at] !== ";") return DECLINED
  at = skipBlanks(text, at + 1)
  if (at === text.length) return OK
  if (text[at] !== "q" || at + 3 > text.length || text[at + 1] !== "=") return DECLINED
  return weight(text, at + 2) > 0
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (text[at] === " ") at++
  return at
}

/** Hundred times what stands there, more or less: 0 for a weight of 0 and for one that is none. ngx_http_gzip_quantity. */
function weight(text: string, from: number): number {
  const first = text[from]
  if (first !== "0" && first !== "1") return 0
  let sum = first === "1" ? 100 : 0
  const next = text[from + 1]
  if (next === undefined || next === "," || next === " ") return sum
  if (next !== ".") return 0
  let digits = 0
  for (let at = from + 2; at < text.length; at++) {
    const char = text[at] as string
    if (char === "," || char === " ") break
    if (char < "0" || char > "9") return 0
    sum += Number(char)
    digits++
  }
  return sum > 100 || digits > 3 ? 0 : sum
}
