/** Telling backends apart by what their connections show: a header field, a cookie, or a first message. */

/** What one connection showed. */
export interface Sight {
  /** Name in lower case and value, in order. */
  readonly headers: readonly (readonly [string, string])[]
  /** Those of Set-Cookie, name to value. */
  readonly cookies: ReadonlyMap<string, string>
  /** Path of those that have one. */
  readonly paths: ReadonlyMap<string, string>
  /** Names of those that are Secure. */
  readonly secure: readonly string[]
  /** The first message, or the answer to what was sent; "" for none. */
  readonly message: string
}

/** By what the backends were told apart. */
export interface Teller {
  readonly by: "header" | "cookie" | "message"
  /** Of the header or the cookie; of a message in JSON the path to the member, else "". */
  readonly name: string
  /** The backend of each sight, "" where it did not show. */
  readonly values: readonly string[]
}

/** Fields that are made for it, most usual first. */
const MADE_FOR_IT =
  /^(x-(backend|served-by|upstream|server|instance|node|pod|host|hostname|replica|worker|container|app-server|dyno|machine)(-?(id|name|server|addr|host))?|fly-machine-id|x-envoy-upstream-host|server-timing|server)$/
/** Their values are of one request, of all, or of a node of a CDN, and never of a backend. */
const NEVER =
  /^(date|age|etag|expires|last-modified|content-.*|transfer-encoding|connection|upgrade|sec-websocket-.*|set-cookie|cf-.*|via|x-cache.*|x-timer|x-amz-.*|x-vercel-.*|x-fastly-.*|fly-request-id|traceparent|tracestate|x-(request|correlation|trace|amzn-trace|amzn-request|cloud-trace)-?.*id.*|x-amzn-trace-id|x-runtime|x-response-time|.*ratelimit.*|retry-after|nel|report-to|alt-svc|strict-transport-security|access-control-.*|vary|cache-control)$/

/** Cookies by which load balancers find a backend again. */
export const STICKY_COOKIES =
  /^(route|srv|srv_id|serverid|server_id|server|sticky.*|awsalb(app-\d+)?|awsalbcors|awsalbtg(cors)?|awselb(cors)?|arraffinity(samesite)?|applicationgatewayaffinity(cors)?|gclb|gcilb|ingresscookie|lb|lb_.*|backend|backend_id|heroku-session-affinity|fly-.*machine.*|bigipserver.*|nsc_.*|persistence|sessionaffinity|traefik.*)$/i

/** A value of few backends is seen at least so often, on average. */
const SEEN_OFTEN = 2

/** What tells the backends apart; undefined where nothing does. */
export function findTeller(sights: readonly Sight[]): Teller | undefined {
  const candidates = [...headerCandidates(sights), ...cookieCandidates(sights), ...messageCandidates(sights)]
  const telling = candidates.filter(({ values }) => tells(values))
  // One value of a field that is made for it says that it is one backend; of others, nothing.
  return telling[0] ?? candidates.find(isMadeForIt)
}

/** What `sight` shows of what `teller` tells by; "" for nothing. */
export function valueIn(sight: Sight, { by, name }: Pick<Teller, "by" | "name">): string {
  if (by === "cookie") return sight.cookies.get(name) ?? ""
  if (by === "message") return name === "" ? sight.message : (membersOf(sight.message).get(name) ?? "")
  return backendIn(name, sight.headers.find(([key]) => key === name)?.[1] ?? "")
}

function headerCandidates(sights: readonly Sight[]): Teller[] {
  const names = namesOf(sights.flatMap(({ headers }) => headers.map(([name]) => name))).filter(
    (name) => !NEVER.test(name),
  )
  const ranked = [
    ...names.filter((name) => MADE_FOR_IT.test(name)),
    ...names.filter((name) => !MADE_FOR_IT.test(name)),
  ]
  return ranked.map((name) => tellerOf(sights, "header", name))
}

function tellerOf(sights: readonly Sight[], by: Teller["by"], name: string): Teller {
  return { by, name, values: sights.map((sight) => valueIn(sight, { by, name })) }
}

/**
 * `Server-Timing: app;desc="a";dur=12.5`: how long it took is another each time. `X-Served-By: cache-fra-1`: a node of
 * Fastly.
 */
function backendIn(name: string, value: string): string {
  if (name === "x-served-by" && value.startsWith("cache-")) return ""
  return name === "server-timing" ? value.replace(/;\s*dur=[\d.]+/g, "") : value
}

function cookieCandidates(sights: readonly Sight[]): Teller[] {
  const names = namesOf(sights.flatMap(({ cookies }) => [...cookies.keys()]))
  const ranked = [
    ...names.filter((name) => STICKY_COOKIES.test(name)),
    ...names.filter((name) => !STICKY_COOKIES.test(name)),
  ]
  return ranked.map((name) => tellerOf(sights, "cookie", name))
}

function messageCandidates(sights: readonly Sight[]): Teller[] {
  const paths = namesOf(sights.flatMap(({ message }) => [...membersOf(message).keys()]))
  return ["", ...paths].map((name) => tellerOf(sights, "message", name))
}

const MAX_MEMBERS = 50

/** The members of a JSON object that hold a text or a number, those of its objects as `a.b`. */
function membersOf(message: string): Map<string, string> {
  const members = new Map<string, string>()
  const walk = (value: unknown, path: string): void => {
    if (members.size >= MAX_MEMBERS) return
    if (typeof value === "string" || typeof value === "number") members.set(path, String(value))
    if (typeof value !== "object" || value === null || Array.isArray(value) || path.split(".").length > 3)
      return
    for (const [name, member] of Object.entries(value)) walk(member, path === "" ? name : `${path}.${name}`)
  }
  if (message.startsWith("{")) walk(parsed(message), "")
  return members
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** At least two values, all of them shown, and few beside the number of connections. */
function tells(values: readonly string[]): boolean {
  const shown = values.filter((value) => value !== "")
  const count = new Set(shown).size
  return shown.length === values.length && count >= 2 && values.length >= count * SEEN_OFTEN
}

function isMadeForIt({ by, name, values }: Teller): boolean {
  // Everybody may have these; only another value tells something.
  const isCommon = /^(server|server-timing|x-host(name)?)$/.test(name)
  return (
    by === "header" &&
    MADE_FOR_IT.test(name) &&
    !isCommon &&
    values[0] !== "" &&
    values.every((value) => value === values[0])
  )
}

function namesOf(names: readonly string[]): string[] {
  return [...new Set(names)]
}
