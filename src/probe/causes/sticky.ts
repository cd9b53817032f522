/** What is wrong with what the step "sticky" saw: that reconnects do not return, or that nobody can tell. */
import { type Case, type Cause, rank } from "../cause.ts"
import { identify } from "../fingerprint.ts"
import { edgeHop } from "../hops.ts"
import type { Diagnosis, Mend } from "../report.ts"
import { detailsOf, SPREADS, type StickySeen } from "../steps/sticky.ts"
import { oneOfSeveral } from "./handshake-flapping.ts"

export function diagnoseSticky(one: Case): Diagnosis[] {
  const found = one.seen.sticky
  if (found === undefined || found.opened === 0) return []
  return [...notAllOpened(one, found), ...spreadOf(one, found)]
}

/** Where the experiments have not said so already. */
function notAllOpened(one: Case, { opened, asked }: StickySeen): Diagnosis[] {
  if (opened >= asked || one.seen.experiments?.flapping !== undefined) return []
  const suspect = oneOfSeveral(one, [`${opened} of ${asked} connections opened`])
  return [
    {
      severity: "warning",
      what: "Not every connection opens.",
      suspects: [{ ...suspect, certainty: "possible" }],
    },
  ]
}

function spreadOf(one: Case, found: StickySeen): Diagnosis[] {
  if (found.told === undefined) return [notTold(one, found)]
  if (found.way !== "none") return cookieKeptBack(one, found)
  return [
    {
      severity: "warning",
      what: "A client that reconnects comes to another backend.",
      suspects: rank(one, CAUSES),
    },
  ]
}

/** Where the cookie is what brings a client back. */
function cookieKeptBack(one: Case, found: StickySeen): Diagnosis[] {
  const [why] = found.keptBack
  if (found.way === "address" || why === undefined) return []
  const [name = "NAME"] = found.cookies
  const isPath = why.includes("Path=")
  const mends: Mend[] = isPath
    ? [
        { where: "Holdfast, in the upstream", text: `sticky cookie ${name} path=/;` },
        { where: "the application, where it sets the cookie", text: "Path=/" },
      ]
    : [{ where: "the URL of the socket", text: one.context.endpoint.url.replace(/^ws:/, "wss:") }]
  return [
    {
      severity: "warning",
      what: "A browser that reconnects comes to another backend: it does not send the cookie.",
      suspects: [
        {
          id: "cookie-kept-back",
          title: isPath
            ? "The cookie for stickiness is of another path than the socket"
            : "The cookie for stickiness is Secure, and this URL has no TLS",
          hop: edgeHop(one),
          certainty: "certain",
          evidence: [...found.keptBack, ...detailsOf(found)],
          mend: mends,
        },
      ],
    },
  ]
}

const CAUSES: readonly Cause[] = [
  {
    id: "sticky-cookie-ignored",
    title: "A cookie for stickiness is set, and does not bring a client back",
    hop: edgeHop,
    weigh: (one) => {
      const found = one.seen.sticky
      if (found === undefined || !found.hasStickyCookie) return undefined
      const mend: Mend[] = [
        {
          where:
            "every proxy on the way: pass the client's cookies on (nginx passes them unless told otherwise)",
          text: "proxy_set_header Cookie $http_cookie;",
        },
      ]
      return { weight: 70, evidence: detailsOf(found), mend: [...mend, ...stickinessMends(one)] }
    },
  },
  {
    id: "no-stickiness",
    title: "Nothing makes a client return",
    hop: edgeHop,
    rules: ["upstream-without-stickiness"],
    weigh: (one) => {
      const found = one.seen.sticky
      if (found === undefined) return undefined
      return {
        weight: 60,
        title: `Connections are spread ${SPREADS[found.spread]} (${BALANCED[found.spread]}): nothing makes a client return`,
        evidence: detailsOf(found),
        mend: stickinessMends(one),
      }
    },
  },
]

const BALANCED: Readonly<Record<StickySeen["spread"], string>> = {
  one: "no balancing seen",
  "in-turn": "round-robin",
  even: "round-robin of several workers, or least_conn",
  uneven: "random, by load, or by weight",
}

const NGINX: readonly Mend[] = [
  { where: "nginx, in the upstream", text: "ip_hash;" },
  {
    where: "nginx, where many clients share an address (NAT), by a cookie of the application",
    text: "hash $cookie_session consistent;",
  },
]
const HOLDFAST: readonly Mend[] = [
  { where: "Holdfast, in the upstream", text: "sticky cookie srv_id expires=1h path=/;" },
]
const HAPROXY: readonly Mend[] = [
  {
    where: "HAProxy, in the backend",
    text: "cookie SRV insert indirect nocache\nserver a 10.0.0.1:3000 check cookie a\nserver b 10.0.0.2:3000 check cookie b",
  },
]

function stickinessMends(one: Case): Mend[] {
  const product = productOf(one)
  if (product === "holdfast") return [...HOLDFAST, ...NGINX.slice(0, 1)]
  if (product === "haproxy") return [...HAPROXY]
  return product === "nginx" ? [...NGINX] : [...NGINX, ...HAPROXY]
}

function notTold(one: Case, { opened, cookies, hasStickyCookie }: StickySeen): Diagnosis {
  const product = productOf(one)
  const nginx = {
    where: "nginx or Holdfast, in the location of the socket",
    text: "add_header X-Backend $upstream_addr always;",
  }
  const haproxy = { where: "HAProxy, in the backend", text: "http-response set-header X-Backend %s" }
  const cookie = hasStickyCookie
    ? [`the cookie ${cookies.join(", ")} is set, as load balancers do to find a backend again`]
    : []
  return {
    severity: "info",
    what: "Whether a client returns to its backend cannot be seen.",
    suspects: [
      {
        id: "backends-not-told",
        title: "No header, cookie or first message differs from backend to backend, or there is only one",
        hop: edgeHop(one),
        certainty: "certain",
        evidence: [
          opened === 1 ? "1 connection" : `${opened} connections, all with the same answer`,
          ...cookie,
        ],
        mend: product === "haproxy" ? [haproxy] : product === undefined ? [nginx, haproxy] : [nginx],
      },
    ],
  }
}

function productOf({ seen }: Case): string | undefined {
  return seen.handshake?.kind === "answer" ? identify(seen.handshake).edge?.product : undefined
}
