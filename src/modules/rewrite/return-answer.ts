/** `return`: answers with a status, a text or a URL. ngx_http_rewrite_return, ngx_http_send_response. */
import type { ValueContext } from "../../config/row.ts"
import { parseNumber } from "../../config/values.ts"
import { contentTypeOf } from "../../runtime/content-type.ts"
import { DONE, type PhaseResult } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"
import { sendHead } from "../../runtime/send-head.ts"
import { type Template, template } from "../../runtime/template.ts"
import type { Instruction, Run } from "./program.ts"

const BAD_REQUEST = 400
const MAX_STATUS = 999

export function parseReturn(args: readonly string[], context: ValueContext): Instruction {
  const [first, second] = args as [string, string?]
  const status = parseNumber(first)
  if (status === undefined) {
    const isUrl = first.startsWith("http://") || first.startsWith("https://") || first.startsWith("$scheme")
    if (second !== undefined || !isUrl) context.fail(`invalid return code "${first}"`)
    return new Return(302, template(first, context))
  }
  if (status > MAX_STATUS) context.fail(`invalid return code "${first}"`)
  const text = second === undefined ? null : template(second, context)
  // An empty text of an error is none: the error's page is sent.
  return new Return(status, status >= BAD_REQUEST && text?.constant === "" ? null : text)
}

class Return implements Instruction {
  readonly #status: number
  /** The text of the answer, or the URL of a redirect; null where there is none. */
  readonly #text: Template | null

  constructor(status: number, text: Template | null) {
    this.#status = status
    this.#text = text
  }

  run(run: Run): boolean {
    const { request } = run
    const isPage = this.#status >= BAD_REQUEST && this.#text === null
    run.result = isPage ? this.#status : answer(request, this.#status, this.#text?.evaluate(request) ?? "")
    return false
  }
}

function answer(request: Request, status: number, text: string): PhaseResult {
  const { response } = request
  if (isRedirectStatus(status)) {
    response.setLocation(text)
    return status
  }
  const body = Buffer.from(text, "latin1")
  response.status = request.errorStatus > 0 ? request.errorStatus : status
  if (response.status !== 204) {
    response.contentType ||= contentTypeOf(request)
    response.contentLength = body.length
  }
  const refusal = sendHead(request)
  if (refusal !== 0) return refusal
  if (body.length > 0) request.exchange.write(body)
  request.exchange.end()
  return DONE
}

function isRedirectStatus(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308
}
