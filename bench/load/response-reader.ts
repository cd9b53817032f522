/** Reads answers of one connection without keeping them: status and length of the head, then bytes are counted. */
export class ResponseReader {
  #head = ""
  #bodyBytes = 0
  #isInBody = false

  /** Takes bytes; gives how many answers became whole. Throws on any status but 200, and without a length. */
  read(chunk: Buffer): number {
    let answers = 0
    let at = 0
    while (at < chunk.length) {
      if (this.#isInBody) {
        const taken = Math.min(this.#bodyBytes, chunk.length - at)
        this.#bodyBytes -= taken
        at += taken
      } else {
        at = this.#readHead(chunk, at)
      }
      if (!this.#isInBody || this.#bodyBytes > 0) continue
      this.#isInBody = false
      answers++
    }
    return answers
  }

  #readHead(chunk: Buffer, at: number): number {
    const before = this.#head.length
    // A head of the peers here is far shorter than this; what is behind it is body.
    const text = this.#head + chunk.toString("latin1", at, Math.min(chunk.length, at + 2048))
    const end = text.indexOf("\r\n\r\n")
    if (end < 0) {
      if (text.length > 8192) throw new Error("an answer's head is too long")
      this.#head = text
      return Math.min(chunk.length, at + 2048)
    }
    const head = text.slice(0, end + 2)
    if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(`no 200 but ${head.slice(0, 60)}`)
    this.#bodyBytes = contentLength(head)
    this.#head = ""
    this.#isInBody = true
    return at + end + 4 - before
  }
}

function contentLength(head: string): number {
  const lower = head.toLowerCase()
  const start = lower.indexOf("\r\ncontent-length:")
  if (start < 0) throw new Error("an answer without Content-Length")
  return Number(lower.slice(start + 17, lower.indexOf("\r\n", start + 2)))
}
