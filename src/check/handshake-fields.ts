/** What `proxy_set_header` makes of a WebSocket handshake's Upgrade and Connection. */
import { addLine, setProxyHeader } from "./edits.ts"
import { describe, effective, effectiveList } from "./effective.ts"
import type { Edit } from "./finding.ts"
import { type Location, type Model, proxyHeader } from "./model.ts"
import type { Node } from "./tree.ts"
import { isComplete } from "./unread.ts"

/** The client's own fields, which variables repeat. */
export interface ClientFields {
  readonly upgrade: string
  readonly connection: string
}

/** Chromium and most libraries send the first, Firefox the second. */
export const HANDSHAKES: readonly ClientFields[] = [
  { upgrade: "websocket", connection: "Upgrade" },
  { upgrade: "websocket", connection: "keep-alive, Upgrade" },
]

export const PLAIN_REQUEST: ClientFields = { upgrade: "", connection: "keep-alive" }

/** Whether Holdfast makes the handshake's fields itself. */
export function hasWebSocketOn({ node }: Location, { target }: Model): boolean {
  return effective(node, "websocket", target)?.value === "on"
}

/** A path that plain requests have, too: it alone does not prove that WebSockets are meant. */
const SHARED_PATH = /(?:live|hubs?|graphql|subscriptions|phoenix|mqtt|stomp)/i
const SOCKET_WORD = /(?:^|[^a-z])(?:wss?|web-?sockets?|socket|sockjs|cable|signalr)(?:[^a-z]|$)/i

/** Whether it surely is for WebSockets; its path alone may mislead. */
export function isSurelyWebSocket({ path, webSocket }: Location): boolean {
  const isByPath = webSocket?.startsWith('"') === true
  return !isByPath || !SHARED_PATH.test(path) || SOCKET_WORD.test(path)
}

const VARIABLE = /\$(?:\{(\w+)\}|(\w+))/g
const MAX_DEPTH = 8

/** The names of the variables in a value, without "$". */
export function variablesIn(text: string): string[] {
  return [...text.matchAll(VARIABLE)].map(([, braced, bare]) => braced ?? bare ?? "")
}

/** What a value is for such a request, maps followed; null where that cannot be said. */
export function valueFor(text: string, client: ClientFields, model: Model, depth = 0): string | null {
  let isKnown = depth < MAX_DEPTH
  const value = text.replaceAll(VARIABLE, (_, braced?: string, bare?: string) => {
    const found = isKnown ? variableFor(braced ?? bare ?? "", client, model, depth) : null
    if (found === null) isKnown = false
    return found ?? ""
  })
  return isKnown ? value : null
}

function variableFor(name: string, client: ClientFields, model: Model, depth: number): string | null {
  if (name === "http_upgrade") return client.upgrade
  if (name === "http_connection") return client.connection
  const map = model.maps.get(name)
  if (map === undefined) return null
  const source = valueFor(map.args[0] ?? "", client, model, depth + 1)
  const chosen = source === null ? null : mapped(map, source)
  return chosen === null ? null : valueFor(chosen, client, model, depth + 1)
}

/** What a `map` makes of a text: an equal one in any case, then the first regular expression, then the default. */
function mapped(map: Node, source: string): string | null {
  const entries = map.children ?? []
  const lower = source.toLowerCase()
  const equal = entries.find(
    ({ name }) => !isSpecial(name) && name.replace(/^\\/, "").toLowerCase() === lower,
  )
  if (equal !== undefined) return equal.args[0] ?? ""
  for (const { name, args } of entries) {
    if (!name.startsWith("~")) continue
    try {
      const expression = name.startsWith("~*") ? new RegExp(name.slice(2), "i") : new RegExp(name.slice(1))
      if (expression.test(source)) return args[0] ?? ""
    } catch {
      // PCRE knows what RegExp does not.
      return null
    }
  }
  return entries.find(({ name }) => name === "default")?.args[0] ?? ""
}

function isSpecial(name: string): boolean {
  return name.startsWith("~") || name === "default" || name === "hostnames" || name === "volatile"
}

/** Whether a value of Connection has the token "upgrade". */
export function hasUpgradeToken(value: string): boolean {
  return value.split(",").some((token) => token.trim().toLowerCase() === "upgrade")
}

/** Whether a value of Upgrade asks for a WebSocket. */
export function asksForWebSocket(value: string): boolean {
  return value.split(",").some((token) => token.trim().toLowerCase() === "websocket")
}

/** "proxy_set_header Upgrade is "" here: set in server, line 3". */
export function describeField(field: Node, block: Node): string {
  const [name = "", value = ""] = field.args
  return describe(
    `proxy_set_header ${name}`,
    { args: [value], value: value === "" ? '""' : value, origin: field },
    block,
  )
}

/** The blocks further out whose fields are lost at `block`, and have a line for that field. */
export function lostField(block: Node, name: string): Node | null {
  const [nearest] = effectiveList(block, "proxy_set_header").hidden
  return nearest?.own("proxy_set_header").findLast(({ args }) => args[0]?.toLowerCase() === name) ?? null
}

/** Whether an include that could not be read may set another value at `block` than `field`. */
export function mayBeSetElsewhere(field: Node | null, block: Node, { tree }: Model): boolean {
  if (tree.missing.length === 0) return false
  for (let scope: Node | null = block; scope !== null && scope !== field?.parent; scope = scope.parent)
    if (tree.missing.some(({ parent }) => parent === scope) && scope.name !== "http" && scope.name !== "main")
      return true
  return false
}

/** Whether every browser's handshake has Connection: upgrade by this line. */
export function isRightConnection(field: Node | null, model: Model): boolean {
  const value = field?.args[1] ?? ""
  return HANDSHAKES.every((client) => hasUpgradeToken(valueFor(value, client, model) ?? ""))
}

/** Whether every browser's handshake has Upgrade: websocket by this line. */
export function isRightUpgrade(field: Node | null, model: Model): boolean {
  const value = field?.args[1] ?? ""
  return HANDSHAKES.every((client) => asksForWebSocket(valueFor(value, client, model) ?? ""))
}

/** What a fix writes for Connection: the file's own map where it has a right one. */
export function connectionValue(model: Model): string {
  const map = model.maps.get("connection_upgrade")
  const isRight = HANDSHAKES.every((client) =>
    hasUpgradeToken(variableFor("connection_upgrade", client, model, 0) ?? ""),
  )
  return map !== undefined && isRight ? "$connection_upgrade" : '"upgrade"'
}

/** A line as it stands in the file, on one line. */
export function lineOf({ name, words }: Node): string {
  const parts = words.map(({ text, quoted }) =>
    quoted || text === "" ? `"${text.replaceAll(/["\\]/g, "\\$&")}"` : text,
  )
  return `${[name, ...parts].join(" ")};`
}

/**
 * Sets fields at a location. One that has none of its own would lose those further out by the first that it gets, so
 * these are copied in; with what is wrong of Upgrade and Connection put right, so that two rules write the same.
 */
export function setFields(
  model: Model,
  location: Node,
  fields: readonly (readonly [name: string, value: string])[],
): Edit[] {
  const { tree } = model
  if (location.own("proxy_set_header").length > 0)
    return fields.flatMap(([name, value]) => setProxyHeader(tree, location, name, value))
  const all = [...fields, ...missingFields(location, model)]
  const wanted = new Map(all.map(([name, value]) => [name, `proxy_set_header ${name} ${value};`]))
  const inherited = effectiveList(location, "proxy_set_header").nodes
  const copies = inherited.filter(({ args }) => !hasName(wanted, args[0] ?? "")).map(lineOf)
  const lines = [...copies, ...[...wanted].sort(byNameDown).map(([, line]) => line)]
  return lines.map((line) => addLine(tree, location, line))
}

/** What a location without fields of its own lacks for a handshake. */
function missingFields(location: Node, model: Model): (readonly [name: string, value: string])[] {
  const missing: (readonly [name: string, value: string])[] = []
  if (!isRightUpgrade(proxyHeader(location, "upgrade"), model)) missing.push(["Upgrade", "$http_upgrade"])
  if (!isRightConnection(proxyHeader(location, "connection"), model))
    missing.push(["Connection", connectionValue(model)])
  return missing
}

function hasName(fields: ReadonlyMap<string, string>, name: string): boolean {
  return [...fields.keys()].some((one) => one.toLowerCase() === name.toLowerCase())
}

/** Upgrade, Host, Connection: the order is of no account, but has to be one. */
function byNameDown([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? 1 : -1
}

const SET_BY_NGINX = /^(?:(?:sent_|upstream_)?(?:http|trailer|cookie)_|arg_)/

/** A `proxy_set_header` with a variable that nothing defines. */
export interface UndefinedUse {
  readonly field: Node
  /** Its name in lower case. */
  readonly name: string
  readonly variable: string
}

/**
 * Fields with variables that nothing defines: nginx does not start with one, wherever it stands. Only names about
 * upgrades are judged (any module may bring others), and only in a whole configuration: a fragment's map stands
 * elsewhere.
 */
export function undefinedUses(model: Model): UndefinedUse[] {
  const doubtful: UndefinedUse[] = []
  const visit = (node: Node): void => {
    if (node.name === "proxy_set_header") {
      const variable = variablesIn(node.args[1] ?? "").find((one) => isDoubtful(one, model))
      if (variable !== undefined)
        doubtful.push({ field: node, name: node.args[0]?.toLowerCase() ?? "", variable })
    }
    for (const child of node.children ?? []) visit(child)
  }
  if (model.http !== null) visit(model.http)
  if (doubtful.length === 0 || !isComplete(model)) return []
  const defined = definedIn(model.main)
  return doubtful.filter(({ variable }) => !defined.has(variable))
}

function isDoubtful(name: string, { maps }: Model): boolean {
  return /upgrade|websocket/i.test(name) && !SET_BY_NGINX.test(name) && !maps.has(name)
}

/** Lines that use variables and never define one. */
const USERS = new Set([
  "proxy_set_header",
  "add_header",
  "log_format",
  "if",
  "return",
  "proxy_pass",
  "rewrite",
])

function definedIn(root: Node): Set<string> {
  const found = new Set<string>()
  const visit = (node: Node): void => {
    for (const arg of node.args) {
      if (!USERS.has(node.name) && /^\$\w+$/.test(arg)) found.add(arg.slice(1))
      for (const [, name] of arg.matchAll(/\(\?P?['<](\w+)['>]/g)) found.add(name as string)
    }
    // A map's own keys and values are no directives.
    if (node.name === "map" || node.name === "geo" || node.name === "split_clients") return
    for (const child of node.children ?? []) visit(child)
  }
  visit(root)
  return found
}

/** Whether the file is a part of a configuration: its `http` is put around it, at a place where it does not stand. */
export function isFragment({ tree, http }: Model): boolean {
  if (http === null) return true
  const { file, line, column } = http.position
  return tree.files.get(file)?.lines[line - 1]?.startsWith("http", column - 1) !== true
}
