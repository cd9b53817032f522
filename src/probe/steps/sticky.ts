/** How connections spread over backends, and whether they return. */
import { printable } from "../../base/visible-text.ts"
import { findTeller, type Sight, STICKY_COOKIES, type Teller, valueIn } from "../backend-names.ts"
import type { ProbeContext } from "../context.ts"
import { isAccepted } from "../handshake.ts"
import { countsOf, type Reconnect, type Spread, spreadOf, type Way, wayOf } from "../spread.ts"
import { type Step, step } from "../step.ts"
import { Visits } from "../visits.ts"

export interface StickySeen {
  /** How many connections were asked for, and how many of them opened. */
  readonly asked: number
  readonly opened: number
  /** By what the backends are told apart: "X-Backend", "the cookie SRV", "the first message"; undefined: by nothing. */
  readonly told: string | undefined
  /** The backend of each connection. Values of cookies are not shown: A, B … in their place. */
  readonly order: readonly string[]
  readonly spread: Spread
  readonly way: Way
  /** The cookies that were set: those that load balancers use where there are such, else all. */
  readonly cookies: readonly string[]
  readonly hasStickyCookie: boolean
  /** Why a browser does not send them to this URL: "SRV: Path=/app". */
  readonly keptBack: readonly string[]
  /** Connections that sent the cookies back. */
  readonly reconnects: readonly Reconnect[]
}

export const sticky: Step = {
  id: "sticky",
  title: "sticky",
  skip: ({ plan }, seen) => {
    if (plan.sticky === 0) return ""
    return isAccepted(seen.handshake) ? undefined : "the WebSocket does not open"
  },
  run: async (context, seen, progress) => {
    const visits = new Visits(context)
    try {
      const found = await look(context, visits, progress)
      seen.sticky = found
      return describe(found)
    } finally {
      await visits.end()
    }
  },
}

/** So many in a row that do not open are enough. */
const MAX_REFUSALS = 3
/** So many clients come back, some times each. */
const MAX_CLIENTS = 10
const LEAST_TIMES = 2
/** Fewer returns could be chance. */
const LEAST_RETURNS = 10

async function look(
  context: ProbeContext,
  visits: Visits,
  progress: (text: string) => void,
): Promise<StickySeen> {
  const asked = context.plan.sticky
  let sights = await visitAll(visits, asked, false, progress)
  let teller = findTeller(sights)
  if (teller === undefined) {
    const heard = await visitAll(visits, asked, true, progress)
    teller = findTeller(heard)
    if (teller !== undefined) sights = heard
  }
  const order = teller === undefined ? [] : shownNames(teller)
  const reconnects = teller === undefined ? [] : await comeBack(visits, sights, order, teller)
  const names = [...new Set(sights.flatMap(({ cookies }) => [...cookies.keys()]))]
  const made = names.filter((name) => STICKY_COOKIES.test(name))
  return {
    asked,
    opened: sights.length,
    told: teller === undefined ? undefined : toldBy(teller),
    order,
    spread: spreadOf(order),
    way: wayOf(order, reconnects),
    cookies: made.length > 0 ? made : names,
    hasStickyCookie: made.length > 0,
    keptBack: keptBack(context, sights, made.length > 0 ? made : names),
    reconnects,
  }
}

async function visitAll(
  visits: Visits,
  count: number,
  listens: boolean,
  progress: (text: string) => void,
): Promise<Sight[]> {
  const sights: Sight[] = []
  let refusals = 0
  for (let index = 0; index < count && refusals < MAX_REFUSALS; index++) {
    progress(`${index + 1} of ${count}`)
    const sight = await visits.visit([], listens)
    if (sight === undefined) refusals++
    else {
      refusals = 0
      sights.push(sight)
    }
  }
  return sights
}

/** The visits of a client are in a row: where connections go in turn, they cannot all return. */
async function comeBack(
  visits: Visits,
  sights: readonly Sight[],
  order: readonly string[],
  teller: Teller,
): Promise<Reconnect[]> {
  const reconnects: Reconnect[] = []
  const clients = someOfEach(order, MAX_CLIENTS)
  const times = Math.max(LEAST_TIMES, Math.ceil(LEAST_RETURNS / clients.length))
  for (const index of clients) {
    const first = order[index] as string
    const cookies = [...(sights[index]?.cookies ?? [])].map(([name, value]) => `${name}=${value}`)
    if (cookies.length === 0) continue
    const again: string[] = []
    for (let turn = 0; turn < times; turn++) {
      const sight = await visits.visit(cookies, teller.by === "message")
      if (sight !== undefined) again.push(nameIn(sight, teller, order) ?? first)
    }
    if (again.length > 0) reconnects.push({ first, again })
  }
  return reconnects
}

/** RFC 6265 §5.4: neither to another path nor, where it is Secure, without TLS. */
function keptBack({ endpoint }: ProbeContext, sights: readonly Sight[], names: readonly string[]): string[] {
  const path = endpoint.target.replace(/\?.*$/s, "")
  return names.flatMap((name) => {
    const own = sights.map(({ paths }) => paths.get(name)).find((one) => one !== undefined) ?? "/"
    if (!isWithin(path, own)) return [`${name}: Path=${printable(own)}`]
    const isSecure = !endpoint.secure && sights.some(({ secure }) => secure.includes(name))
    return isSecure ? [`${name}: Secure, and the URL is ws:`] : []
  })
}

/** RFC 6265 §5.1.4. */
function isWithin(path: string, own: string): boolean {
  return path === own || path.startsWith(own.endsWith("/") ? own : `${own}/`)
}

/** Places in `order`, those of each name first. */
function someOfEach(order: readonly string[], count: number): number[] {
  const firsts = [...new Set(order)].map((name) => order.indexOf(name))
  const others = order.map((_, index) => index).filter((index) => !firsts.includes(index))
  return [...firsts, ...others].slice(0, count)
}

/** Undefined: a load balancer that took its cookie need not set it again. */
function nameIn(sight: Sight, teller: Teller, order: readonly string[]): string | undefined {
  const value = valueIn(sight, teller)
  if (value === "" && teller.by === "cookie") return undefined
  const index = teller.values.indexOf(value)
  return index < 0 ? shown(value) : order[index]
}

function shownNames({ by, values }: Teller): string[] {
  const distinct = [...new Set(values)]
  return values.map((value) => (by === "cookie" ? letter(distinct.indexOf(value)) : shown(value)))
}

function letter(index: number): string {
  return index < 26 ? String.fromCharCode(65 + index) : `A${index}`
}

const MAX_SHOWN = 60

function shown(value: string): string {
  return printable(value).slice(0, MAX_SHOWN)
}

function toldBy({ by, name }: Teller): string {
  if (by === "header") return `the header ${name}`
  if (by === "cookie") return `the cookie ${name}`
  return name === "" ? "the first message" : `"${printable(name)}" in the first message`
}

function describe(found: StickySeen) {
  const { order, opened, asked, told } = found
  const lines = told === undefined ? [] : detailsOf(found)
  if (opened < asked) lines.push(`${opened} of ${asked} connections opened`)
  if (told === undefined) return step("info", "nothing in the answers tells the backends apart", lines)
  const backends = countsOf(order).size
  if (found.way === "address")
    return step("ok", `all ${order.length} to one backend, by address or as the only one`, lines)
  const by = `the cookie ${found.cookies.join(" or ")}`
  if (found.keptBack.length > 0 && found.way !== "none")
    return step("warning", `a browser does not send the cookie (${found.keptBack.join(", ")})`, lines)
  if (found.way === "cookie") return step("ok", `spread over ${backends} backends, and back by ${by}`, lines)
  if (found.way === "cookie-hash") return step("ok", `reconnects go to a backend by ${by}`, lines)
  return step(
    "warning",
    `${SPREADS[found.spread]} over ${backends} backends; reconnects do not return`,
    lines,
  )
}

export const SPREADS: Readonly<Record<Spread, string>> = {
  one: "all to one",
  "in-turn": "in turn",
  even: "evenly",
  uneven: "unevenly",
}

const MAX_ORDER = 12

/** What speaks for a verdict on `found`: counts, order, returns. */
export function detailsOf({ order, told, cookies, reconnects }: StickySeen): string[] {
  const counts = [...countsOf(order)].map(([name, count]) => `${name}: ${count}`)
  const more = order.length > MAX_ORDER ? " …" : ""
  const lines = [
    `told apart by ${told}: ${counts.join(", ")}`,
    `in this order: ${order.slice(0, MAX_ORDER).join(" ")}${more}`,
  ]
  if (reconnects.length === 0) return [...lines, "no cookie was set"]
  const all = reconnects.flatMap(({ first, again }) => again.map((name) => name === first))
  const returned = all.filter((is) => is).length
  return [...lines, `with the cookie ${cookies.join(", ")}: ${returned} of ${all.length} reconnects returned`]
}
