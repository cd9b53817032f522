import { isKnownToNginx } from "../../config/known-directives.ts"
import { rule } from "../rule.ts"
import type { Node } from "../tree.ts"

export const holdfastOnlyDirective = rule({
  id: "holdfast-only-directive",
  severity: "error",
  title: "A directive of Holdfast's in a file for nginx",
  page: {
    happens: "nginx does not start, and a reload is refused: it goes on with the old configuration.",
    shows: '`nginx: [emerg] unknown directive "websocket" in /etc/nginx/nginx.conf:12`',
    why: "Holdfast has some directives that nginx has not (websocket, websocket_ping, drain, worker_stall_timeout and the like). nginx refuses a file with a directive that none of its modules has.",
    fix: 'In place of `websocket on;`: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_read_timeout 3600s; the others have no counterpart. Take them out, or keep them in a file that nginx does not include.',
  },
  inspect({ main, target }, report) {
    if (!target.isHoldfast) visit(main, (node) => report(node, messageOf(node, target.name)))
  },
})

/** Holdfast's own, by the block they stand in where the name alone could be anything. */
export const OWN_DIRECTIVES: ReadonlyMap<string, string | undefined> = new Map([
  ["websocket", undefined],
  ["websocket_ping", undefined],
  ["websocket_close_code", undefined],
  ["websocket_close_timeout", undefined],
  ["websocket_protocol_errors", undefined],
  ["worker_stall_timeout", "main"],
  ["status_socket", "main"],
  ["drain", "upstream"],
  ["http2_extended_connect", undefined],
])

/** Their lines are entries, whose names are the file's own. */
const TABLES = new Set(["map", "geo", "split_clients", "types", "match", "charset_map"])

function visit(block: Node, found: (node: Node) => void): void {
  if (TABLES.has(block.name)) return
  for (const node of block.children ?? []) {
    const isOwn = OWN_DIRECTIVES.has(node.name) && !isKnownToNginx(node.name)
    if (isOwn && [undefined, block.name].includes(OWN_DIRECTIVES.get(node.name))) found(node)
    visit(node, found)
  }
}

function messageOf({ name, args }: Node, target: string): string {
  const instead =
    name === "websocket" && args[0] === "on"
      ? "; what it stands for is proxy_set_header Upgrade and Connection with proxy_http_version 1.1"
      : ""
  return `"${name}" is a directive of Holdfast's: ${target} does not know it and does not start with it${instead}.`
}
