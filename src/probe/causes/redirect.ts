/** What is wrong with what the step "redirect" saw. None of it keeps a WebSocket from opening by its wss: URL. */
import { printable } from "../../base/visible-text.ts"
import { shownValue } from "../../client/redact.ts"
import type { Case } from "../cause.ts"
import type { Diagnosis } from "../report.ts"
import { difference, type RedirectSeen } from "../steps/redirect.ts"
import { edgeMends, suspect } from "./edge-mend.ts"

const REDIRECT = {
  nginx: "return 301 https://$host$request_uri;",
  haproxy: "http-request redirect scheme https code 301 unless { ssl_fc }",
}

export function diagnoseRedirect(one: Case): Diagnosis[] {
  const { redirect } = one.seen
  if (redirect === undefined || redirect.why !== undefined) return []
  const found = redirect.isLoop ? loop(one, redirect) : (clear(one, redirect) ?? lost(one, redirect))
  return found === undefined ? [] : [found]
}

function evidence({ hops }: RedirectSeen): string[] {
  return hops.map(({ url, statusLine, location }) => {
    const to = location === undefined ? "" : `, Location: ${shownValue("location", location)}`
    return printable(`${shownValue("location", url)}: ${statusLine}${to}`)
  })
}

function hop({ context }: Case, port: number): string {
  return `port ${port} of ${context.endpoint.host}`
}

function loop(one: Case, seen: RedirectSeen): Diagnosis {
  const found = suspect(
    "redirect-loop",
    "Whoever redirects behind TLS takes the request for plain HTTP: it does not hear that there was TLS",
    {
      hop: "backend",
      certainty: "likely",
      evidence: evidence(seen),
      mend: edgeMends(one, {
        place: "in the location, for the application to read",
        nginx: "proxy_set_header X-Forwarded-Proto $scheme;",
        haproxy: "http-request set-header X-Forwarded-Proto https if { ssl_fc }",
      }),
    },
  )
  const what = "The redirect from http: to https: leads back: pages of this path never load"
  return { severity: "warning", what, suspects: [found] }
}

/** Accepted without TLS. */
function clear(one: Case, { port, upgrade }: RedirectSeen): Diagnosis | undefined {
  if (upgrade?.isAccepted !== true) return undefined
  const found = suspect(
    "websocket-in-the-clear",
    "The server of plain HTTP has the location of the socket, too",
    {
      hop: hop(one, port),
      evidence: [`a handshake without TLS at port ${port}: ${printable(upgrade.statusLine)}`],
      mend: edgeMends(one, { place: "in the server of plain HTTP, in place of its locations", ...REDIRECT }),
    },
  )
  const what = "The WebSocket opens without TLS, too: cookies and tokens of a ws: URL go in the clear"
  return { severity: "info", what, suspects: [found] }
}

/** A redirect that leads elsewhere. */
function lost(one: Case, seen: RedirectSeen): Diagnosis | undefined {
  if (seen.hops[0]?.location === undefined) return undefined
  const fault = difference(seen, one.context)
  if (fault !== "does not keep the path" && fault !== "does not keep the query") return undefined
  const found = suspect(
    "redirect-loses-target",
    "The redirect is written without the request's own path or query",
    {
      hop: hop(one, seen.port),
      evidence: evidence(seen),
      mend: edgeMends(one, { place: "in the server of plain HTTP", ...REDIRECT }),
    },
  )
  return { severity: "info", what: `The redirect from http: to https: ${fault}`, suspects: [found] }
}
