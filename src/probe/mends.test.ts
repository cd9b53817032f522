/** Every remedy, for every edge: something to paste, whole. */
import assert from "node:assert/strict"
import { test } from "node:test"
import type { EdgeProduct } from "./fingerprint.ts"
import * as mends from "./mends.ts"
import type { Mend } from "./report.ts"

const EDGES: readonly (EdgeProduct | undefined)[] = [
  undefined,
  "nginx",
  "holdfast",
  "haproxy",
  "envoy",
  "caddy",
  "traefik",
  "apache",
  "iis",
  "lighttpd",
  "varnish",
  "squid",
  "cloudflare",
  "cloudfront",
  "aws-alb",
  "heroku",
]
const ROOM = 80 - 12

const REMEDIES: Readonly<Record<string, (place: mends.Place) => readonly Mend[]>> = {
  upgrade: mends.mendUpgrade,
  "a lost field": (place) => mends.mendLostField(place, "Sec-WebSocket-Protocol"),
  "a hidden field": (place) => mends.mendHiddenField(place, "Sec-WebSocket-Accept"),
  "an added field": (place) => mends.mendAddedField(place, "Sec-WebSocket-Protocol"),
  Host: mends.mendHost,
  "a slash": mends.mendSlash,
  "a route": mends.mendRoute,
  "no redirect": mends.mendNoRedirect,
  "the backend's address": mends.mendBackendAddress,
  https: (place) => mends.mendBackendScheme(place, true),
  http: (place) => mends.mendBackendScheme(place, false),
  timeouts: mends.mendTimeouts,
  "big headers": mends.mendBigHeaders,
  "no password": mends.mendNoPassword,
  access: mends.mendAccess,
  rate: mends.mendRate,
  connections: mends.mendConnections,
  "a plain port": mends.mendPlainPort,
}

for (const [name, mend] of Object.entries(REMEDIES)) {
  test(name, () => {
    for (const edge of EDGES) {
      const found = mend({ edge, path: "/ws/" })
      assert.ok(found.length > 0, `nothing for ${edge}`)
      for (const { where, text } of found) {
        assert.notEqual(where, "")
        assert.doesNotMatch(text, /undefined/)
        // A directive is not broken for the sake of a narrow terminal.
        for (const line of text.split("\n").filter((one) => one.startsWith("#")))
          assert.ok(line.length <= ROOM, `${edge}: ${line.length}: ${line}`)
      }
    }
  })
}
