import { setDirective } from "../edits.ts"
import { describe, effective, effectiveList } from "../effective.ts"
import { streamReason } from "../event-streams.ts"
import type { Location, Model } from "../model.ts"
import { rule } from "../rule.ts"
import type { Node } from "../tree.ts"
import { hasUnreadAround } from "../unread.ts"

export const pollingFallbackBuffered = rule({
  id: "polling-fallback-buffered",
  severity: "warning",
  title: "Streams of events, which WebSockets fall back to, wait in a buffer",
  page: {
    happens:
      "Clients whose WebSocket does not come through, or that use EventSource from the start, see events late and in lumps, or none until the stream ends; a client library gives the transport up after some seconds and takes a slower one.",
    shows:
      "Status 200 and no line in the error log. `curl -N` shows nothing for as long as the events together are smaller than proxy_buffer_size (4k or 8k), then several at once; against the backend itself each comes at once.",
    why: "With proxy_buffering on, nginx collects an answer and passes it on when a buffer is full or the answer ends. That holds back a stream, and not an answer that comes as a whole: long polling, as Socket.IO has it, needs no change. Frames after a 101 are never held, whatever proxy_buffering says. The backend may switch it off for one answer with the header X-Accel-Buffering: no, unless proxy_ignore_headers has that one; the same written with add_header or proxy_set_header does nothing here.",
    fix: "proxy_buffering off; in the location, or further out.",
  },
  inspect(model, report) {
    for (const { locations } of model.servers)
      for (const location of locations) {
        const found = judge(location, model)
        if (found === null) continue
        const { node, proxy } = location
        const buffering = effective(node, "proxy_buffering", model.target)
        if (proxy === null || buffering?.value !== "on") continue
        if (buffering.origin === null && hasUnreadAround(model.tree, node)) continue
        report(
          buffering.origin?.isWithin(node) ? buffering.origin : proxy.node,
          `Events are held back until a buffer is full (${found.text}): ${describe("proxy_buffering", buffering, node)}. Only a backend that sends X-Accel-Buffering: no is spared${ignored(node)}.`,
          found.isSure
            ? { fix: setDirective(model.tree, node, "proxy_buffering", "off") }
            : { severity: "info" },
        )
      }
  },
})

function judge(location: Location, model: Model): { text: string; isSure: boolean } | null {
  const { node, proxy } = location
  if (proxy === null) return null
  const asked = [...node.own("proxy_set_header"), ...node.own("add_header")].find(
    ({ args }) => args[0]?.toLowerCase() === "x-accel-buffering" && args[1] === "no",
  )
  if (asked === undefined) return streamReason(location, model)
  return {
    text: `${asked.name} X-Accel-Buffering was meant to prevent that: nginx takes it from the backend's answer only`,
    // A proxy in front of this one may be meant by the response's.
    isSure: asked.name === "proxy_set_header",
  }
}

function ignored(node: Node): string {
  const { nodes } = effectiveList(node, "proxy_ignore_headers")
  const isIgnored = nodes.some(({ args }) => args.some((arg) => arg.toLowerCase() === "x-accel-buffering"))
  return isIgnored ? ", but for proxy_ignore_headers, which takes that away" : ""
}
