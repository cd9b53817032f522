/** return: answers with a status, a text or a URL. ngx_http_rewrite_module (its `return`). */
import { directives, LOCATION, SERVER, type ValueContext } from "../config/row.ts"
import { contentTypeOf } from "../runtime/content-type.ts"
import { defineModule } from "../runtime/module.ts"
import { DONE, type PhaseResult } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import { type Template, template } from "../runtime/template.ts"

interface Return {
  readonly status: number
  /** The text of the answer, or the URL of a redirect; null where there is none. */
  readonly text: Template | null
}

function parseReturn(args: readonly string[], context: ValueContext): Return {
  const [first, second] = args as [string, string?]
  const status = /^\d+$/.test(first) ? Number(first) : -1
  if (status === -1) {
    const isUrl = /^(https?:\/\/|\$scheme)/i.test(first)
    if (second !== undefined || !isUrl) context.fail(`invalid return code "${first}"`)
    return { status: 302, text: template(first, context) }
  }
  if (status > 999) context.fail(`invalid return code "${first}"`)
  return { status, text: second === undefined ? null : template(second, context) }
}

export const returnModule = defineModule({
  name: "return",
  directives: directives({
    return: {
      in: SERVER | LOCATION,
      args: [1, 2],
      parse: parseReturn,
      // nginx takes more of them; the first one ends the request.
      join: (first) => first,
      inherit: false,
      doc: "Ends the request with a status, a text or a redirect.",
    },
  }),
  location: (conf) => conf.return,
  phases: { serverRewrite: answer, rewrite: answer },
})

export function isRedirectStatus(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308
}

function answer(request: Request, { status, text }: Return): PhaseResult {
  if (status >= 400 && text === null) return status
  if (status === 444) return 444
  if (isRedirectStatus(status)) {
    request.response.setLocation(text === null ? "" : text.evaluate(request))
    return status
  }
  const body = Buffer.from(text === null ? "" : text.evaluate(request), "latin1")
  const { response, exchange } = request
  response.status = request.errorStatus > 0 ? request.errorStatus : status
  if (response.status !== 204) {
    response.contentType ||= contentTypeOf(request)
    response.contentLength = body.length
  }
  exchange.sendHead()
  if (body.length > 0) exchange.write(body)
  exchange.end()
  return DONE
}
