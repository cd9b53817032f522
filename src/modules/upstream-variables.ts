/** `$upstream_…`: one value for each attempt at an upstream. ngx_http_upstream_module. */
import { directives } from "../config/row.ts"
import { formatSeconds } from "../observe/log-time.ts"
import { defineModule } from "../runtime/module.ts"
import type { UpstreamState } from "../runtime/request.ts"
import type { LateVariableGetter } from "../runtime/variables.ts"
import { upstreamCookie, upstreamField } from "./core-variables-fields.ts"

export const upstreamVariables = defineModule({
  name: "upstream_variables",
  directives: directives({}),
  variables: {
    names: {
      upstream_addr: perAttempt((state) => state.peer),
      upstream_status: perAttempt((state) => (state.status > 0 ? String(state.status) : "-")),
      upstream_queue_time: perAttempt((state) => time(state.queueMs)),
      // There is no cache: nginx without proxy_cache has no value here either.
      upstream_cache_status: () => undefined,
    },
    late: {
      upstream_connect_time: perAttempt((state) => time(state.connectMs)),
      upstream_header_time: perAttempt((state) => time(state.headerMs)),
      upstream_response_time: perAttempt((state) => time(state.responseMs)),
      upstream_response_length: perAttempt((state) => String(state.responseLength)),
      upstream_bytes_received: perAttempt((state) => String(state.bytesReceived)),
      upstream_bytes_sent: perAttempt((state) => String(state.bytesSent)),
    },
    families: { upstream_http_: upstreamField, upstream_cookie_: upstreamCookie },
  },
})

/**
 * Joins what `text` says of each attempt: ", " between servers of one group, " : " where the request went on to
 * another group by an internal redirect. The state that parts groups has no peer; it counts as an attempt where the
 * name of the first group could not be resolved. ngx_http_upstream_addr_variable.
 */
function perAttempt(text: (state: UpstreamState) => string): LateVariableGetter {
  return (request) => {
    const states = request.upstreamStates
    if (states === null || states.length === 0) return undefined
    let out = ""
    for (let i = 0; i < states.length; i++) {
      out += text(states[i])
      if (i + 1 === states.length) break
      if (states[i + 1].peer !== "") out += ", "
      else {
        out += " : "
        i++
      }
    }
    return out
  }
}

function time(ms: number): string {
  return ms < 0 ? "-" : formatSeconds(ms)
}
