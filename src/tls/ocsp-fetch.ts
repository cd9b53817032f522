/** Asks a responder for the status of a certificate: OCSP over HTTP, RFC 6960 appendix A. */
import { request } from "node:http"
import { errnoText } from "../base/errno.ts"

/** Where questions go: `http://host:port/path`. */
export interface Responder {
  readonly host: string
  readonly port: number
  /** Begins with "/". */
  readonly path: string
}

const TIMEOUT_MS = 60_000
/** More than this is no answer. */
const MAX_ANSWER_BYTES = 65_536
const TYPE = "application/ocsp-response"

/**
 * Resolves with the DER of the answer; undefined where the responder's status is not 200. Rejects with an Error whose
 * message is nginx's.
 */
export function fetchOcsp(
  { host, port, path }: Responder,
  question: Buffer,
  timeoutMs: number = TIMEOUT_MS,
): Promise<Buffer | undefined> {
  const target = `${path}${path.endsWith("/") ? "" : "/"}${encodeURIComponent(question.toString("base64"))}`
  return new Promise((resolve, reject) => {
    const timedOut = () => sent.destroy(new Error("OCSP responder timed out (110: Connection timed out)"))
    const timer = setTimeout(timedOut, timeoutMs)
    // A worker that has nothing else to do ends without the answer.
    timer.unref()
    const fail = (error: NodeJS.ErrnoException): void => {
      clearTimeout(timer)
      reject(error.code === undefined ? error : new Error(`${callOf(error)} failed (${errnoText(error)})`))
    }
    const sent = request(
      { host: host.replace(/^\[(.*)\]$/, "$1"), port, path: target, agent: false, headers: { Host: host } },
      (response) => {
        const chunks: Buffer[] = []
        let length = 0
        const type = response.headers["content-type"]
        if (response.statusCode === 200 && type !== undefined && type.toLowerCase() !== TYPE)
          sent.destroy(new Error(`OCSP responder sent invalid "Content-Type" header: "${type}"`))
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk)
          length += chunk.length
          if (length > MAX_ANSWER_BYTES) sent.destroy(new Error("OCSP responder sent too much data"))
        })
        response.on("error", fail)
        response.on("end", () => {
          clearTimeout(timer)
          resolve(response.statusCode === 200 ? Buffer.concat(chunks) : undefined)
        })
      },
    )
    sent.on("error", fail)
    sent.on("socket", (socket) => socket.unref())
    sent.end()
  })
}

function callOf(error: NodeJS.ErrnoException): string {
  if (error.code === "ECONNRESET") return "recv()"
  return `${error.syscall ?? "connect"}()`
}
