import { describe, effective } from "../effective.ts"
import { streamReason } from "../event-streams.ts"
import { rule } from "../rule.ts"

export const eventStreamCompressed = rule({
  id: "event-stream-compressed",
  severity: "info",
  title: "Each open stream of events keeps a compressor",
  page: {
    happens:
      "Memory grows with the number of clients that listen: a stream that is open for hours holds its compressor's tables as long. Ten thousand of them take gigabytes, and the worker may be killed.",
    shows:
      "Responses have `Content-Encoding: gzip` and `Content-Type: text/event-stream`; the memory of the workers (ps, RES in top) rises by 100 to 260 kB for each open stream, against 20 without.",
    why: "gzip takes about 260 kB for an answer whose length is not known (gzip_window 32k and gzip_hash 128k, the default), and gives it back at the end of the answer, which a stream does not have. Short events gain little by it. It does not hold events back: with proxy_buffering off, nginx flushes the compressor after each.",
    fix: "gzip off; in the location, or gzip_types without text/event-stream.",
  },
  inspect(model, report) {
    const { target } = model
    // Holdfast has no gzip.
    if (target.isHoldfast) return
    for (const location of model.servers.flatMap(({ locations }) => locations)) {
      const { node, proxy } = location
      const gzip = effective(node, "gzip", target)
      const types = effective(node, "gzip_types", target)
      if (proxy === null || gzip?.value !== "on" || types?.origin === undefined) continue
      const type = types.args.find((arg) => arg === "*" || arg === "text/event-stream")
      const reason = type === undefined ? null : streamReason(location, model)
      if (!reason?.isSure) continue
      report(
        types.origin?.isWithin(node) ? types.origin : proxy.node,
        `Each open stream keeps a compressor of up to 260 kB (${reason.text}): ${describe("gzip", gzip, node)}, and gzip_types has ${type}.`,
      )
    }
  },
})
