/** What is wrong with what the step "burst" saw: who lets no more in. */
import { formatDuration } from "../../client/duration.ts"
import type { BurstFailure } from "../burst-run.ts"
import { type Case, type Cause, rank, type Weighed } from "../cause.ts"
import { type Identity, identify } from "../fingerprint.ts"
import type { Answer } from "../handshake.ts"
import { edgeHop } from "../hops.ts"
import type { Diagnosis, Mend } from "../report.ts"
import { BUSY, type BurstSeen, factsOf, nameOf, tenthsText } from "../steps/burst.ts"
import { oneOfSeveral } from "./handshake-flapping.ts"

export function diagnoseBurst(one: Case): Diagnosis[] {
  const found = one.seen.burst
  if (found === undefined) return []
  if (found.ownLimit !== "") return [ownLimit(found)]
  if (found.first === undefined) return [...cutWhileHeld(one, found), ...slowDown(one, found)]
  const { asked, first } = found
  return [
    {
      severity: "error",
      what: `Not all of ${asked} WebSockets open at once: ${whatText(first)}.`,
      suspects: rank(one, CAUSES),
    },
  ]
}

/** FIN or RST is a matter of who is faster. */
function whatText(first: BurstFailure): string {
  const kind = first.refusal?.kind
  if (kind === "closed" || kind === "reset") return "the connection ends without an answer"
  return getsNoAnswer(first) ? "no answer in time" : nameOf(first)
}

/** Who takes no more connections leaves them to the system, which connects some of them and drops the others. */
function getsNoAnswer(first: BurstFailure | undefined): boolean {
  const refusal = first?.refusal
  return refusal?.kind === "silent" || (refusal?.kind === "unreachable" && refusal.error.code === "TIMEOUT")
}

/** How room comes back: after a while, or only when others leave. */
type Limit = "rate" | "count" | "unknown"

function limitOf({ opensLater, opensWhenClosed }: BurstSeen): Limit {
  if (opensLater === true) return "rate"
  return opensWhenClosed === true ? "count" : "unknown"
}

const NGINX_LIKE: ReadonlySet<string | undefined> = new Set(["nginx", "holdfast"])
const QUEUED_MS = 400

/** With a status that limits have. */
function isRefusedByEdge(one: Case): boolean {
  const { answer, page } = partsOf(one)
  return answer !== undefined && [503, 429].includes(answer.head.status) && page !== "backend"
}

const LIMIT_REQ: Cause = {
  id: "limit-req",
  title: "limit_req lets no more handshakes in at this rate",
  hop: edgeHop,
  rules: ["limits-on-handshakes"],
  weigh: (one) => {
    const { found } = partsOf(one)
    if (!isRefusedByEdge(one) || limitOf(found) === "count" || isProduct(one, "haproxy")) return undefined
    const mend: Mend[] = [
      {
        where:
          "nginx or Holdfast, in the location of the socket: after a restart all clients come back at once",
        text: "limit_req zone=NAME burst=100 nodelay;",
      },
    ]
    return { weight: limitOf(found) === "rate" ? 75 : 30, evidence: factsOf(found), mend }
  },
}

const LIMIT_CONN: Cause = {
  id: "limit-conn",
  title: "limit_conn lets no more in: from one address, or in all, as its key is",
  hop: edgeHop,
  rules: ["limits-on-handshakes"],
  weigh: (one) => {
    const { found } = partsOf(one)
    if (!isRefusedByEdge(one) || limitOf(found) === "rate" || isProduct(one, "haproxy")) return undefined
    const mend: Mend[] = [
      {
        where: "nginx or Holdfast, in the location of the socket: clients behind a NAT share an address",
        text: "limit_conn NAME 1000;",
      },
    ]
    // It answers at once; who waits first has a queue.
    if ((found.first?.afterMs ?? 0) > QUEUED_MS) return undefined
    return { weight: limitOf(found) === "count" ? 75 : 30, evidence: factsOf(found), mend }
  },
}

const WORKER_CONNECTIONS: Cause = {
  id: "worker-connections",
  title: "worker_connections are used up: a WebSocket takes two, one to the client and one to the backend",
  hop: edgeHop,
  rules: ["worker-connections"],
  weigh: (one) => {
    const { found, answer, page } = partsOf(one)
    const refusal = found.first?.refusal
    const isCut = refusal?.kind === "closed" || refusal?.kind === "reset"
    const isOwn500 = answer?.head.status === 500 && page !== "backend"
    if (!(isCut || isOwn500) || limitOf(found) === "rate") return undefined
    const mend: Mend[] = [
      {
        where: "nginx, at the top of nginx.conf (its log says: worker_connections are not enough)",
        text: "worker_rlimit_nofile 65536;\nevents {\n  worker_connections 32768;\n}",
      },
    ]
    const isLike = NGINX_LIKE.has(productOf(one))
    return { weight: isLike ? 75 : productOf(one) === undefined ? 40 : 0, evidence: factsOf(found), mend }
  },
}

const HAPROXY_MAXCONN: Cause = {
  id: "haproxy-maxconn",
  title: "HAProxy's maxconn is reached: further connections wait in a queue",
  hop: edgeHop,
  weigh: (one) => {
    const { found, answer, page } = partsOf(one)
    const waited = found.first?.afterMs ?? 0
    const isQueued = answer?.head.status === 503 && waited > QUEUED_MS && page !== "backend"
    const isSilent = getsNoAnswer(found.first)
    if (!(isQueued || isSilent) || limitOf(found) === "rate") return undefined
    const product = productOf(one)
    const weight = product === "haproxy" ? 75 : product === undefined ? 45 : 0
    const evidence = [...factsOf(found), `it was told after ${formatDuration(waited)}: it had waited`]
    return { weight, evidence, mend: HAPROXY_MENDS }
  },
}

const HAPROXY_MENDS: readonly Mend[] = [
  { where: "HAProxy, in global and in defaults or the frontend", text: "maxconn 20000" },
  {
    where: "HAProxy, at each server of the backend, where it has one",
    text: "server a 10.0.0.1:3000 maxconn 10000",
  },
]

const BACKEND_LIMIT: Cause = {
  id: "backend-limit",
  title: "The application or its server takes no more",
  hop: () => "backend",
  weigh: (one) => {
    const { found, answer, page, identity } = partsOf(one)
    if (found.first === undefined) return undefined
    const reason = found.first.end === undefined ? bodyText(answer) : nameOf(found.first)
    const said = reason === "" ? [] : [`it says: ${reason}`]
    const mend: Mend[] = [
      {
        where: "the backend",
        text: `raise its limit of connections${identity?.backend === undefined ? "" : ` (${identity.backend.product})`}`,
      },
      { where: "the backend's service, where files are what it lacks", text: "LimitNOFILE=65536" },
    ]
    return { weight: backendWeight(one, answer, page), evidence: [...factsOf(found), ...said], mend }
  },
}

function backendWeight(one: Case, answer: Answer | undefined, page: Identity["answeredBy"]): number {
  const found = one.seen.burst
  // It accepted, and then thought better of it.
  if (found?.first?.end !== undefined) return 70
  if (page === "backend") return 75
  if (answer?.head.status === 502) return 70
  return page === "edge" ? 8 : 35
}

/** Told by the experiments, before there were many. */
const FLAPPING: Cause = {
  id: "one-of-several-refuses",
  title: "It is no limit: one of several backends refuses, also when few are open",
  hop: edgeHop,
  weigh: (one) => {
    const flapping = one.seen.experiments?.flapping
    if (flapping === undefined) return undefined
    const { evidence, mend } = oneOfSeveral(one, factsOf(partsOf(one).found))
    return { weight: 88, evidence, mend }
  },
}

const CAUSES: readonly Cause[] = [
  FLAPPING,
  LIMIT_REQ,
  LIMIT_CONN,
  WORKER_CONNECTIONS,
  HAPROXY_MAXCONN,
  BACKEND_LIMIT,
]

function partsOf(one: Case) {
  const found = one.seen.burst as BurstSeen
  const refusal = found.first?.refusal
  const answer = refusal?.kind === "answer" ? refusal : undefined
  const identity = answer === undefined ? undefined : identify(answer)
  return { found, answer, identity, page: whoseAnswer(answer, identity) }
}

/** nginx's own 503 is "Service Temporarily Unavailable"; others have the reason of RFC 9110. */
function whoseAnswer(answer: Answer | undefined, identity: Identity | undefined): Identity["answeredBy"] {
  if (answer === undefined || identity === undefined) return "unknown"
  if (identity.answeredBy !== "unknown") return identity.answeredBy
  const isNginx = NGINX_LIKE.has(identity.edge?.product) && answer.head.status === 503
  return isNginx && answer.head.reason === "Service Unavailable" ? "backend" : "unknown"
}

/** Who it is says the handshake that was accepted, and else the refusal. */
function productOf(one: Case): string | undefined {
  const { handshake } = one.seen
  const accepted = handshake?.kind === "answer" ? identify(handshake).edge?.product : undefined
  return accepted ?? partsOf(one).identity?.edge?.product
}

function isProduct(one: Case, product: string): boolean {
  return productOf(one) === product
}

const MAX_SAID = 100

function bodyText(answer: Answer | undefined): string {
  const text =
    answer?.body
      .replace(/<[^>]*>/g, " ")
      .replace(/\s+/g, " ")
      .trim() ?? ""
  return text.slice(0, MAX_SAID)
}

function ownLimit(found: BurstSeen): Diagnosis {
  const isFiles = found.ownLimit === "EMFILE" || found.ownLimit === "ENFILE"
  const mend: Mend = isFiles
    ? { where: "this machine, in the shell, before probe", text: "ulimit -n 65536" }
    : {
        where: "this machine: more ports to connect from",
        text: 'sysctl -w net.ipv4.ip_local_port_range="1024 65535"',
      }
  return {
    severity: "info",
    what: `This machine could open no more than ${found.mostOpen} sockets: its own limit, not the server's.`,
    suspects: [
      {
        id: "own-limit",
        title: isFiles
          ? "This machine lets probe open no more files"
          : "This machine has no more ports to connect from",
        hop: "this machine",
        certainty: "certain",
        evidence: [found.ownLimit, ...factsOf(found)],
        mend: [mend],
      },
    ],
  }
}

/** Of one age: a timeout. Of many: something happened to all at once. */
const SAME_AGE = 1.3

function cutWhileHeld(one: Case, found: BurstSeen): Diagnosis[] {
  const { count, youngestMs, oldestMs } = found.cut
  if (count === 0) return []
  const isTimeout = oldestMs <= SAME_AGE * youngestMs
  const seconds = Math.ceil(oldestMs / 1000)
  const weighed: Weighed = {
    weight: 60,
    evidence: factsOf(found),
    mend: [
      isTimeout
        ? {
            where: "to find out who",
            text: `holdfast probe --hold ${seconds + 2}s ${one.context.endpoint.url}`,
          }
        : {
            where: "the logs of the edge and of the backend, at that time",
            text: "a restart, a crash or a lack of memory",
          },
    ],
  }
  const cause: Cause = {
    id: isTimeout ? "held-sockets-time-out" : "held-sockets-lost",
    title: isTimeout
      ? "Each is cut at the same age: a timeout, not a lack of room"
      : "Sockets of every age were cut: a restart or a crash under the load",
    hop: (same) => (isTimeout ? edgeHop(same) : "edge or backend"),
    weigh: () => weighed,
  }
  return [
    {
      severity: isTimeout ? "warning" : "error",
      what: "WebSockets that were open are cut while others open.",
      suspects: rank(one, [cause]),
    },
  ]
}

/** Clients give up, or believe that it hangs. */
const SLOW_MS = 1000
const SLOWER_TIMES = 5

function slowDown(one: Case, found: BurstSeen): Diagnosis[] {
  const [first] = found.tenths
  const last = found.tenths.at(-1)
  if (first === undefined || last === undefined) return []
  if (found.ownLoad > BUSY || last.p50 < SLOW_MS || last.p50 < SLOWER_TIMES * first.p50) return []
  const weighed: Weighed = {
    weight: 60,
    evidence: [...factsOf(found), ...tenthsText(found)],
    mend: [
      { where: "nginx, at the top of nginx.conf: a worker for each core", text: "worker_processes auto;" },
      { where: "the clients: come back at random times, not all at once", text: "delay = random(0, 30) s" },
    ],
  }
  const cause: Cause = {
    id: "handshakes-slow-down",
    title: "More handshakes come than the edge or the application can make",
    hop: edgeHop,
    weigh: () => weighed,
  }
  return [
    {
      severity: "warning",
      what: `Handshakes slow down under ${found.rate} a second: from ${formatDuration(first.p50)} to ${formatDuration(last.p50)}.`,
      suspects: rank(one, [cause]),
    },
  ]
}
