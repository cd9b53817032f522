import type { Edit } from "../finding.ts"
import { locationText, placeOf } from "../location-text.ts"
import type { Location, Server } from "../model.ts"
import { type Report, rule } from "../rule.ts"
import type { Node } from "../tree.ts"

export const ifWithProxySettings = rule({
  id: "if-with-proxy-settings",
  severity: "warning",
  title: "`if` and proxy settings in one location do something else than they say",
  page: {
    happens:
      "nginx refuses the configuration, or sends some of the sockets to the wrong backend, or to none: which, depends on which conditions a request meets.",
    shows:
      '`nginx: [emerg] "proxy_set_header" directive is not allowed here` from `nginx -t`; otherwise the answer of the other backend, or 404 and `open() "…/ws" failed (2: No such file or directory)`, for requests that meet two conditions.',
    why: "`if` is no statement: it is a nameless location inside the location. Of all that a request meets, only the last one's settings are in force; the settings of those before are gone (proxy_pass among them), and it inherits from the location, not from them. try_files is not inherited by it at all. Of the proxy module, only proxy_pass may stand in it (ngx_http_rewrite_module, ngx_http_proxy_module). `=` compares letter by letter, while `Upgrade` has its value in any case (RFC 6455 §4.2.1).",
    fix: "map $http_upgrade $backend { default http://app; ~*^websocket$ http://sockets; } and, in the location, proxy_pass $backend;",
  },
  inspect(model, report) {
    for (const server of model.servers) {
      inspectPlaces(server, report)
      for (const location of server.locations) {
        inspectTryFiles(location, server, report)
        if (location.webSocket === null) continue
        inspectSequence(location, report)
        inspectCase(location, report)
      }
    }
  },
})

/** Settings of the proxy in an `if`, where nginx does not take them. */
function inspectPlaces({ node, locations }: Server, report: Report): void {
  for (const block of [node, ...locations.map((location) => location.node)])
    for (const condition of block.own("if"))
      for (const inner of condition.children ?? []) {
        const isAllowed = inner.name === "proxy_pass" && block !== node
        if (!inner.name.startsWith("proxy_") || isAllowed) continue
        report(
          inner,
          `nginx does not start with this: ${inner.name} may not stand in \`if\`${block === node ? " of a server" : ""}.`,
          { severity: "error", advice: adviceFor(inner) },
        )
      }
}

function adviceFor({ name, args }: Node): string {
  if (name === "proxy_pass") return "Put it into a location."
  if (name === "proxy_set_header" && args[0]?.toLowerCase() === "connection")
    return "map $http_upgrade $connection_upgrade { default upgrade; '' close; } in http, and proxy_set_header Connection $connection_upgrade; outside of the `if`"
  if (name === "proxy_set_header")
    return `Let a map choose the value, and write proxy_set_header ${args[0] ?? ""} with its variable outside of the \`if\`: where it is empty, the field is not sent.`
  return "Write it outside of the `if`: it does no harm to other requests of the location."
}

/** An `if` with a proxy_pass, and behind it another one, which takes its place where both are met. */
function inspectSequence({ node, proxy }: Location, report: Report): void {
  const conditions = node.own("if")
  const first = conditions.find((one) => one.own("proxy_pass").length > 0)
  if (first === undefined || endsRewriting(first)) return
  const behind = conditions.slice(conditions.indexOf(first) + 1)
  // Several with a proxy_pass each are a choice, of which the last counts: that is what they look like.
  const second = behind.find((one) => one.own("proxy_pass").length === 0 && !endsRewriting(one))
  if (second === undefined) return
  const own = node.own("proxy_pass").at(-1)
  const instead = own === undefined ? "no backend gets it" : `it goes to ${own.args[0]}`
  const choice = first.own("proxy_pass")[0] ?? proxy?.node
  report(
    second,
    `Where a request meets this condition and the one of ${placeOf(first, second)}, proxy_pass ${choice?.args[0] ?? ""} is forgotten and ${instead}: only the last \`if\` that is met counts.`,
    { advice: `Choose the backend by a map, or end the first block with \`break;\`.` },
  )
}

/** Nothing that stands behind it is looked at. */
function endsRewriting(condition: Node): boolean {
  return (condition.children ?? []).some(
    ({ name, args }) => name === "return" || name === "break" || (name === "rewrite" && args.length > 2),
  )
}

/** `try_files $uri @sockets` beside an `if`. */
function inspectTryFiles({ node }: Location, { locations }: Server, report: Report): void {
  const tries = node.own("try_files").at(-1)
  const last = tries?.args.at(-1)
  const socket = locations.find(
    ({ kind, path, webSocket }) => kind === "named" && path === last && webSocket !== null,
  )
  if (tries === undefined || socket === undefined) return
  const condition = node.own("if").find((one) => one.own("proxy_pass").length === 0 && !leavesLocation(one))
  if (condition === undefined) return
  report(
    condition,
    `Where a request meets this condition, \`try_files\` of ${placeOf(tries, condition)} does nothing and ${locationText(socket)} gets no WebSocket: \`if\` does not inherit it.`,
    { advice: "Set the variable by a map, in http, in place of the `if`." },
  )
}

function leavesLocation(condition: Node): boolean {
  return (condition.children ?? []).some(
    ({ name, args }) => name === "return" || (name === "rewrite" && args.length > 2 && args[2] !== "break"),
  )
}

/** `if ($http_upgrade = websocket)`: some clients write it with capitals. */
function inspectCase({ node }: Location, report: Report): void {
  for (const condition of node.own("if")) {
    const [name = "", sign = "", value = ""] = condition.args
    if (name !== "($http_upgrade" || (sign !== "=" && sign !== "!=")) continue
    if (!/^websocket\)?$/i.test(value)) continue
    if (!(condition.children ?? []).some((inner) => inner.name === "proxy_pass" || inner.name === "return"))
      continue
    const better = sign === "=" ? "~*" : "!~*"
    report(
      condition,
      `\`${sign}\` compares letter by letter: a client that sends "Upgrade: WebSocket", as it may, is taken for one that wants no WebSocket.`,
      {
        severity: "info",
        argument: 1,
        advice: `if ($http_upgrade ${better} websocket)`,
        fix: replaceSign(condition, better),
      },
    )
  }
}

function replaceSign({ words, position: { file } }: Node, sign: string): Edit[] {
  const word = words[1]
  if (word === undefined) return []
  const { line, column } = word.position
  return [{ file, start: { line, column }, end: { line, column: column + word.text.length }, text: sign }]
}
