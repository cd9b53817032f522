/** stub_status: the numbers of the whole server as a page. ngx_http_stub_status_module. */
import { directives, LOCATION, SERVER } from "../config/row.ts"
import { ACCEPTED, ACTIVE, HANDLED, READING, REQUESTS, WAITING, WRITING } from "../observe/counters.ts"
import { type Counters, defineModule } from "../runtime/module.ts"
import { DONE, type PhaseResult } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import { sendHead } from "../runtime/send-head.ts"
import type { VariableGetter } from "../runtime/variables.ts"
import { workerState } from "./core-variables.ts"

const NOT_ALLOWED = 405

export const stubStatus = defineModule({
  name: "stub_status",
  directives: directives({
    stub_status: {
      in: SERVER | LOCATION,
      args: [0, 1],
      parse: (): true => true,
      join: (): true => true,
      inherit: false,
      syntax: "",
      doc: "Answers with the numbers of connections and requests.",
    },
  }),
  location: (conf, context): Counters | undefined =>
    conf.stub_status === true ? context.services.counters : undefined,
  phases: { content: answer },
  variables: {
    names: {
      connections_active: total(ACTIVE),
      connections_reading: total(READING),
      connections_writing: total(WRITING),
      connections_waiting: total(WAITING),
    },
  },
})

function answer(request: Request, counters: Counters): PhaseResult {
  if (request.method !== "GET" && request.method !== "HEAD") return NOT_ALLOWED
  const { response } = request
  const body = Buffer.from(page(counters), "latin1")
  request.isDiscardingBody = true
  response.status = request.errorStatus > 0 ? request.errorStatus : 200
  response.contentType = "text/plain"
  response.contentLength = body.length
  const refusal = sendHead(request)
  if (refusal !== 0) return refusal
  request.exchange.write(body)
  request.exchange.end()
  return DONE
}

function page(counters: Counters): string {
  return (
    `Active connections: ${counters.total(ACTIVE)} \nserver accepts handled requests\n` +
    ` ${counters.total(ACCEPTED)} ${counters.total(HANDLED)} ${counters.total(REQUESTS)} \n` +
    `Reading: ${counters.total(READING)} Writing: ${counters.total(WRITING)} Waiting: ${counters.total(WAITING)} \n`
  )
}

function total(counter: number): VariableGetter {
  return (request) => String(workerState(request).counters.total(counter))
}
