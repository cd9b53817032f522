/** What is wrong with the proxy of `--proxy`. */

import { printable } from "../../base/visible-text.ts"
import type { ProxyServer } from "../../client/client-options.ts"
import type { DialStage } from "../../client/dial-error.ts"
import { formatDuration } from "../../client/duration.ts"
import { type Endpoint, hostPort } from "../../client/endpoint.ts"
import type { Case } from "../cause.ts"
import { dialText } from "../dial-text.ts"
import type { Diagnosis, Mend, Suspect } from "../report.ts"
import { suspect } from "./edge-mend.ts"

/** What a way through a proxy ended with. */
interface ProxyFailure {
  readonly stage: DialStage
  readonly code: string
  readonly text: string
  readonly elapsedMs: number
}

export function diagnoseProxy(one: Case): Diagnosis[] {
  const { proxy } = one.context.client
  const failure = failureOf(one)
  if (proxy === undefined || failure === undefined) return []
  const suspects = [suspectOf(one, proxy, failure)]
  return [
    { severity: "error", what: `The proxy does not let us through: ${printable(failure.text)}`, suspects },
  ]
}

function failureOf({ seen }: Case): ProxyFailure | undefined {
  const failure = seen.tls?.failure
  if (failure !== undefined) return failure.stage === "tls" ? undefined : failure
  if (seen.tls !== undefined || seen.handshake?.kind !== "unreachable") return undefined
  const { error } = seen.handshake
  const { stage, code, elapsedMs } = error
  return stage === "tls" ? undefined : { stage, code, text: dialText(error), elapsedMs }
}

function suspectOf({ context }: Case, proxy: ProxyServer, failure: ProxyFailure): Suspect {
  const { stage, code, text, elapsedMs } = failure
  const { id, title, mends } = KINDS.find(({ codes }) => codes.test(code)) ?? OTHER
  const to = hostPort(context.endpoint.host, context.endpoint.port)
  return suspect(id, title, {
    hop: `proxy ${hostPort(proxy.host, proxy.port)}`,
    certainty: id === OTHER.id ? "likely" : "certain",
    evidence: [
      `${stage === "proxy" ? `CONNECT ${to}: ` : ""}${printable(text)}, after ${formatDuration(elapsedMs)}`,
    ],
    mend: mends(proxy, context.endpoint),
  })
}

interface Kind {
  readonly codes: RegExp
  readonly id: string
  readonly title: string
  readonly mends: (proxy: ProxyServer, to: Endpoint) => readonly Mend[]
}

const squid = (text: string): Mend => ({ where: "Squid, in squid.conf", text })
/** As it was given, without what is secret. */
const urlOf = ({ secure, host, port }: ProxyServer, userinfo: string): string =>
  `http${secure ? "s" : ""}://${userinfo}${hostPort(host, port)}`

const KINDS: readonly Kind[] = [
  {
    codes: /^STATUS_407$/,
    id: "proxy-wants-credentials",
    title: "The proxy wants a user and password, and what was given, if anything, is not accepted",
    mends: (proxy) => [{ where: "here", text: `--proxy ${urlOf(proxy, "USER:PASSWORD@")}` }],
  },
  {
    codes: /^STATUS_(403|401|451)$/,
    id: "proxy-forbids",
    title: "The proxy's rules forbid this host or port",
    mends: (_proxy, { host, port }) => [
      squid(
        `acl websocket dstdomain ${host}\nacl SSL_ports port ${port}\nhttp_access allow CONNECT websocket SSL_ports`,
      ),
    ],
  },
  {
    codes: /^STATUS_(502|503|504)$/,
    id: "proxy-cannot-connect",
    title: "The proxy gets no connection to the server",
    mends: (_proxy, { host, port, url }) => [
      { where: "on the proxy's machine, to see why", text: `nc -vz ${host} ${port}` },
      {
        where: "here, without the proxy",
        text: `holdfast probe ${url}`,
      },
    ],
  },
  {
    codes: /^(STATUS_(400|404|405|501|301|302|426)|MALFORMED)$/,
    id: "proxy-without-connect",
    title: "What answers there is no forward proxy: it does not know CONNECT",
    mends: (proxy) => [
      {
        where: "here, the address of the real proxy",
        text: `--proxy ${urlOf({ ...proxy, host: "PROXY" }, "")}`,
      },
    ],
  },
  {
    codes: /^(ENOTFOUND|EAI_AGAIN)$/,
    id: "proxy-name-not-found",
    title: "The proxy's name has no address",
    mends: (proxy) => [{ where: "here", text: `--proxy ${urlOf({ ...proxy, host: "PROXY" }, "")}` }],
  },
  {
    codes: /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH)$/,
    id: "proxy-unreachable",
    title: "There is no proxy at this address",
    mends: (proxy) => [
      { where: "the proxy's machine, to see what listens", text: `ss -ltnp 'sport = :${proxy.port}'` },
      { where: "here", text: `--proxy ${urlOf({ ...proxy, host: "PROXY" }, "")}` },
    ],
  },
]

const OTHER: Kind = {
  codes: /./,
  id: "proxy-fails",
  title: "The proxy does not answer as a proxy does",
  mends: (proxy) => [{ where: "here", text: `--proxy ${urlOf({ ...proxy, host: "PROXY" }, "")}` }],
}
