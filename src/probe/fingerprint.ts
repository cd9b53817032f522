/** Who answered: the products on the way, from an answer's header fields and its body. */
import { printable } from "../base/visible-text.ts"
import type { HeaderList } from "../http/header-list.ts"
import type { ResponseHead } from "../http/response-head.ts"
import { BACKEND_FIELDS } from "./fingerprints/backend-fields.ts"
import {
  EDGE_OWN_FIELDS,
  EDGE_PASSING_FIELDS,
  EDGE_SERVER_FIELDS,
  type FieldMark,
} from "./fingerprints/edge-fields.ts"
import { EDGE_PAGES, type PageMark } from "./fingerprints/edge-pages.ts"
import type { BackendProduct, EdgeProduct, Identity, Named, Refusal } from "./fingerprints/identity.ts"
import { REASON_REFUSALS, REFUSALS, type RefusalMark } from "./fingerprints/refusals.ts"

export type { BackendProduct, EdgeProduct, Identity, Lost, Named, Refusal } from "./fingerprints/identity.ts"

/** What is looked at of an answer: any request's. */
export interface Identifiable {
  readonly head: ResponseHead
  /** Its first bytes, latin1. */
  readonly body: string
}

/** An error page, and what it says of the cause. */
interface Page {
  readonly named: Named<EdgeProduct>
  readonly reason: string | undefined
}

/** Longer ones are cut where they are shown. */
const MAX_TEXT_CHARS = 160
/** Nobody has more proxies in a row. */
const MAX_VIA = 16

/** Reads what an answer tells of those who had a hand in it. Never guesses: what it does not say is left out. */
export function identify(answer: Identifiable): Identity {
  const { headers } = answer.head
  const page = pageOf(answer)
  const edge = edgeOf(answer.head, page)
  const isEdges = page !== undefined
  const refusal = isEdges ? undefined : refusalOf(answer)
  const backend = isEdges ? undefined : (byField(headers, BACKEND_FIELDS) ?? refusal?.by ?? goOf(answer))
  const isBackends = refusal !== undefined || backend !== undefined
  return {
    ...(edge === undefined ? {} : { edge }),
    answeredBy: isEdges ? "edge" : isBackends ? "backend" : silentAnswerer(answer, edge),
    ...(page === undefined ? {} : { page: page.named }),
    ...(backend === undefined ? {} : { backend }),
    ...(refusal === undefined ? {} : { refusal }),
    ...(page?.reason === undefined ? {} : { reason: page.reason }),
    via: headers.getJoined("via")?.split(/,\s*/, MAX_VIA).map(shown) ?? [],
  }
}

function edgeOf(head: ResponseHead, page: Page | undefined): Named<EdgeProduct> | undefined {
  const { headers } = head
  return (
    byField(headers, EDGE_OWN_FIELDS) ??
    byField(headers, EDGE_SERVER_FIELDS) ??
    byField(headers, EDGE_PASSING_FIELDS) ??
    page?.named ??
    haproxyRedirect(head)
  )
}

/** HAProxy 2.6, seen by running: its redirects have these fields, so written, and no others. */
function haproxyRedirect({ status, headers }: ResponseHead): Named<EdgeProduct> | undefined {
  const isIt =
    status > 300 && status < 309 && headers.names.join() === "content-length,location,cache-control"
  if (!isIt || headers.get("cache-control") !== "no-cache") return undefined
  return { product: "haproxy", because: "content-length, location and cache-control: no-cache alone" }
}

function byField<Product>(
  headers: HeaderList,
  marks: readonly FieldMark<Product>[],
): Named<Product> | undefined {
  for (const { product, field, pattern } of marks) {
    const value = headers.getJoined(field)
    const match = value === undefined ? null : pattern === undefined ? [value] : pattern.exec(value)
    if (match === null) continue
    const because = shown(`${nameAsSent(headers, field)}: ${value}`)
    const version = match[1] === undefined || match[1] === "" ? {} : { version: shown(match[1]) }
    return { product, ...version, because }
  }
  return undefined
}

function nameAsSent({ names, keys }: HeaderList, key: string): string {
  return names[keys.indexOf(key)] ?? key
}

function pageOf({ head, body }: Identifiable): Page | undefined {
  if (body === "") return undefined
  for (const mark of EDGE_PAGES) {
    const match = fits(mark, head) ? mark.pattern.exec(body) : null
    if (match === null) continue
    const { version, reason } = match.groups ?? {}
    const number = version === undefined ? undefined : /\/(.+)|^([\d.]+)/.exec(version)
    const because = `page "${shown((version ?? reason ?? match[0]).replace(/<[^>]*>/g, " "))}"`
    const found = number?.[1] ?? number?.[2]
    const named = {
      product: mark.product,
      ...(found === undefined ? {} : { version: shown(found) }),
      because,
    }
    return { named, reason: reason === undefined ? undefined : shown(reason) }
  }
  return undefined
}

function fits({ statuses, server, field, order }: PageMark, { status, headers }: ResponseHead): boolean {
  if (statuses !== undefined && !statuses.includes(status)) return false
  if (order !== undefined && !order.test(headers.keys.join())) return false
  if (field !== undefined && !field[1].test(headers.get(field[0]) ?? "")) return false
  const value = headers.get("server")
  if (server === null) return value === undefined
  return server === undefined || server.test(value ?? "")
}

function refusalOf({ head, body }: Identifiable): Refusal | undefined {
  return byText(head, body, REFUSALS) ?? byText(head, head.reason, REASON_REFUSALS)
}

function byText(head: ResponseHead, text: string, marks: readonly RefusalMark[]): Refusal | undefined {
  if (text === "" || head.status === 101) return undefined
  for (const { product, pattern, lost, orElse = [], statuses, field } of marks) {
    if (statuses !== undefined && !statuses.includes(head.status)) continue
    if (field !== undefined && !field[1].test(head.headers.get(field[0]) ?? "")) continue
    const match = pattern.exec(text)
    if (match === null) continue
    const said = shown(match[0].replace(/<[^>]*>/g, ""))
    const by = product === undefined ? undefined : { product, because: `"${said}"` }
    return { lost, orElse, by, text: said }
  }
  return undefined
}

/** http.NotFound of Go's net/http, seen by running websocketd: an application, or Traefik without a router for it. */
function goOf({ head, body }: Identifiable): Named<BackendProduct> | undefined {
  if (head.status !== 404 || body !== "404 page not found\n") return undefined
  return head.headers.has("server") ? { product: "go", because: '"404 page not found"' } : undefined
}

/** Whose an answer is that shows nobody's hand: by what an edge never sends itself. */
function silentAnswerer(
  { head, body }: Identifiable,
  edge: Named<EdgeProduct> | undefined,
): Identity["answeredBy"] {
  const { status, headers } = head
  if (status === 101 || headers.has("x-envoy-upstream-service-time")) return "backend"
  if (edge === undefined || status < 400) return "unknown"
  switch (edge.product) {
    case "nginx":
    case "holdfast":
      // Their own errors have their page, or that of error_page, which is HTML.
      return isHtml(head, body) || [500, 502, 503, 504].includes(status) ? "unknown" : "backend"
    case "caddy":
      // Caddy 2.6.2, seen by running: its own errors have no body.
      return body === "" ? "unknown" : "backend"
    case "envoy":
      return body === "" ? "edge" : "unknown"
    default:
      return "unknown"
  }
}

function isHtml({ headers }: ResponseHead, body: string): boolean {
  return /^text\/html\b/.test(headers.get("content-type") ?? "") && body.includes("<")
}

function shown(text: string): string {
  const line = printable(text.replace(/\s+/g, " ").trim())
  return line.length > MAX_TEXT_CHARS ? `${line.slice(0, MAX_TEXT_CHARS)}…` : line
}
