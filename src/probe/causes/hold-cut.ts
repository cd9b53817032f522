/** Who cuts a WebSocket without a word, by the time that it takes. */
import { withoutSecrets } from "../../client/endpoint.ts"
import type { Case, Cause, Weighed } from "../cause.ts"
import { identify } from "../fingerprint.ts"
import { edgeHop } from "../hops.ts"
import { isNear, KNOWN_TIMEOUTS, type KnownTimeout, pings } from "../known-timeouts.ts"
import type { Mend } from "../report.ts"
import { describeSocket, type HoldSeen } from "../steps/hold.ts"

export interface Cut {
  readonly ms: number
  readonly counts: "idle" | "lifetime"
}

/** Who sends pings must live so much longer for pings to be what keeps it open. */
const OUTLIVES = 1.3

/** Undefined where the silent socket was not cut. */
export function cutOf({ seen }: Case): Cut | undefined {
  const held = seen.hold
  if (held === undefined || held.silent.state !== "closed") return undefined
  const { silent, pinging } = held
  const isIdle =
    pinging.state === "unopened" ||
    pinging.state === "alive" ||
    pinging.state === "unanswered" ||
    pinging.livedMs > OUTLIVES * silent.livedMs
  return isIdle ? { ms: silent.idleMs, counts: "idle" } : { ms: silent.livedMs, counts: "lifetime" }
}

/** "60 s"; below two seconds with a tenth. */
export function roundedSeconds(ms: number): string {
  return ms < 1500 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`
}

export function cutCauses(): Cause[] {
  return [...KNOWN_TIMEOUTS.map(causeOf), UNKNOWN_EDGE, RELOAD, BACKEND]
}

function causeOf(known: KnownTimeout): Cause {
  return {
    id: known.id,
    title: `It is ${known.name}`,
    hop: edgeHop,
    rules: known.id.endsWith("proxy-read-timeout") ? ["websocket-read-timeout"] : [],
    weigh: (one) => {
      const cut = cutOf(one)
      if (cut === undefined || cut.counts !== known.counts || known.isQuiet === true) return undefined
      const weight = edgeWeight(one, known, cut)
      return weight === 0 ? undefined : weighed(one, weight, cut, known)
    },
  }
}

function weighed(one: Case, weight: number, cut: Cut, known: KnownTimeout): Weighed {
  const compared = compareWithBackend(one, "edge", weight)
  const near = isNear(cut.ms, known.defaultMs)
  return {
    weight: compared.weight,
    title: titleOf(known, cut, near),
    evidence: [...evidenceOf(one), ...compared.evidence, ...(near ? [`documented: ${known.source}`] : [])],
    mend: [known.mend, ...pingMends(cut)],
  }
}

function titleOf({ name, isSettable, isCustom }: KnownTimeout, { ms }: Cut, near: boolean): string {
  const time = roundedSeconds(ms)
  if (!isSettable) return `It is ${name}: ${time}`
  if (near && isCustom !== true) return `It is ${name}: ${time} is its default, where nobody sets it`
  return `It is ${name}, which is set to ${time}`
}

const IS_THE_EDGE = { near: 80, other: 65 }
/** The time alone speaks for it. */
const TIME_ALONE = { unknownEdge: 45, behindAnother: 20 }
const CUSTOM_UNKNOWN = 30
/** HAProxy, since 2.0, writes all names so; servers in Rust (hyper) do, too. */
const CUSTOM_LOWER_CASE = 45
const NGINX_BEHIND = 40
/** They put their name where another's was. */
const OVERWRITE: ReadonlySet<string> = new Set(["cloudflare", "fastly", "cloudfront", "akamai", "holdfast"])

function edgeWeight(one: Case, known: KnownTimeout, { ms }: Cut): number {
  const product = edgeProduct(one)
  const near = isNear(ms, known.defaultMs)
  if (product === known.product) return near ? IS_THE_EDGE.near : known.isSettable ? IS_THE_EDGE.other : 0
  if (known.namesItself)
    return known.product === "nginx" && near && OVERWRITE.has(product ?? "") ? NGINX_BEHIND : 0
  if (near) return product === undefined ? TIME_ALONE.unknownEdge : TIME_ALONE.behindAnother
  if (product !== undefined || known.isCustom !== true) return 0
  return hasLowerCaseNames(one) ? CUSTOM_LOWER_CASE : CUSTOM_UNKNOWN
}

/** Never before what the one that is known may do. */
const BEHIND_A_KNOWN_ONE = 8

const UNKNOWN_EDGE: Cause = {
  id: "idle-timeout-on-the-way",
  title: "A timeout of one on the way that does not say its name",
  hop: edgeHop,
  weigh: (one) => {
    const cut = cutOf(one)
    if (cut === undefined) return undefined
    const compared = compareWithBackend(one, "edge", edgeProduct(one) === undefined ? 35 : BEHIND_A_KNOWN_ONE)
    const mend: Mend[] = KNOWN_TIMEOUTS.filter(({ id }) => MOST_USED.has(id)).map((known) => known.mend)
    return {
      weight: cut.counts === "idle" ? compared.weight : compared.weight / 2,
      evidence: [...evidenceOf(one), ...compared.evidence],
      mend: [...mend, ...pingMends(cut)],
    }
  },
}

const MOST_USED: ReadonlySet<string> = new Set(["haproxy-timeout-tunnel", "nginx-proxy-read-timeout"])

const RELOAD: Cause = {
  id: "reload-cuts-tunnels",
  title: "A reload or restart while probe watched: nginx ends its tunnels after worker_shutdown_timeout",
  hop: edgeHop,
  rules: ["worker-shutdown-timeout"],
  weigh: (one) => {
    if (cutOf(one)?.counts !== "lifetime") return undefined
    return {
      weight: 25,
      evidence: [...evidenceOf(one), "run it again: a limit cuts after the same time, a reload does not"],
      mend: [{ where: "nginx, at the top of nginx.conf", text: "worker_shutdown_timeout 1h;" }],
    }
  },
}

const BACKEND: Cause = {
  id: "backend-cuts",
  title: "The application, or the server that it runs in, ends the connection without a Close frame",
  hop: () => "backend",
  weigh: (one) => {
    const cut = cutOf(one)
    if (cut === undefined) return undefined
    const compared = compareWithBackend(one, "backend", cut.counts === "idle" ? 12 : 40)
    const { endpoint, plan } = one.context
    const hold = `--hold ${Math.ceil(plan.holdMs / 1000)}s`
    return {
      weight: compared.weight,
      evidence: [...evidenceOf(one), ...compared.evidence],
      mend: [
        compared.evidence.length === 0
          ? {
              where: "to find out, ask the backend itself, too",
              text: `holdfast probe ${hold} --backend ws://BACKEND:PORT${withoutSecrets(endpoint.target)} ${endpoint.url}`,
            }
          : {
              where: "the application or its server",
              text: `raise its timeout of ${roundedSeconds(cut.ms)}`,
            },
      ],
    }
  },
}

const PROVED = 95

/** What was seen at `--backend` speaks for one side. */
function compareWithBackend(one: Case, side: "edge" | "backend", weight: number) {
  const cut = cutOf(one)
  const held = one.seen.backend?.hold
  if (held === undefined || cut === undefined) return { weight, evidence: [] }
  const url = one.context.plan.backend?.url ?? "the backend"
  const evidence = [`${url} itself: ${describeSocket(held.silent)}`]
  if (isCutAlike(held, cut)) {
    return { weight: side === "backend" ? PROVED : weight * 0.2, evidence }
  }
  if (held.silent.livedMs > OUTLIVES * cut.ms || held.silent.state === "alive")
    return { weight: side === "edge" ? Math.min(weight * 1.6, 99) : 0, evidence }
  return { weight, evidence: [] }
}

function isCutAlike({ silent }: HoldSeen, cut: Cut): boolean {
  return silent.state === "closed" && isNear(cut.counts === "idle" ? silent.idleMs : silent.livedMs, cut.ms)
}

function evidenceOf(one: Case): string[] {
  const { hold, handshake } = one.seen
  if (hold === undefined) return []
  const server = handshake?.kind === "answer" ? handshake.head.headers.get("server") : undefined
  const named = server === undefined ? "the handshake's answer has no Server" : `Server: ${server}`
  const lower =
    server === undefined && hasLowerCaseNames(one) ? ["header names are in lower case, as HAProxy's"] : []
  return [describeSocket(hold.silent), describeSocket(hold.pinging), named, ...lower]
}

/** Half the time, whole seconds: none for what is too short to be kept open so. */
function pingMends({ ms, counts }: Cut): Mend[] {
  const everySeconds = Math.min(Math.floor(Math.round(ms / 1000) / 2), 30)
  return counts === "lifetime" || everySeconds < 1 ? [] : [pings(everySeconds)]
}

function hasLowerCaseNames({ seen }: Case): boolean {
  if (seen.handshake?.kind !== "answer") return false
  const { names, keys } = seen.handshake.head.headers
  return names.every((name, index) => name === keys[index])
}

function edgeProduct({ seen }: Case): string | undefined {
  return seen.handshake?.kind === "answer" ? identify(seen.handshake).edge?.product : undefined
}
