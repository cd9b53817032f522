/**
 * Time to find the server of a host name and the location of a URI: `node bench/micro/route-choice.ts`.
 * Nanoseconds per look-up, with few and with many to choose from: the number must not matter much.
 */
import { Fixture } from "../../src/modules/core-variables-fixture.ts"
import type { Location, LocationKind } from "../../src/runtime/location.ts"
import { Location as RuntimeLocation } from "../../src/runtime/location.ts"
import { LocationTable } from "../../src/runtime/location-table.ts"
import { compileRegex } from "../../src/runtime/regex.ts"
import type { Request } from "../../src/runtime/request.ts"
import { ServerNames } from "../../src/runtime/server-names.ts"
import { VirtualServer } from "../../src/runtime/virtual-server.ts"
import { Meter } from "./meter.ts"

const fixture = new Fixture("http { access_log off; server { location / { } } }")
const root = fixture.location("/")
const meter = new Meter()

function location(kind: LocationKind, pattern: string): Location {
  const regex = kind === "regex" ? compileRegex(pattern, false) : null
  return new RuntimeLocation(kind, pattern, regex, false, root.scope, new LocationTable())
}

/** `/`, and `count` of each kind but regular expressions, of which there are `regexes`. */
function tableOf(count: number, regexes: number): LocationTable {
  const table = new LocationTable()
  table.add(location("prefix", "/"))
  for (let i = 0; i < count; i++) {
    table.add(location("exact", `/exact/${i}`))
    table.add(location("prefix", `/service${i}/`))
  }
  for (let i = 0; i < regexes; i++) table.add(location("regex", `^/files${i}/.*\\.(png|jpg)$`))
  table.close()
  return table
}

function requestFor(uri: string): Request {
  return fixture.request(root, `GET ${uri} HTTP/1.1\r\nHost: example.com\r\n\r\n`)
}

function measureLocation(label: string, table: LocationTable, uri: string, pattern: string): void {
  const request = requestFor(uri)
  if (table.find(request)?.pattern !== pattern) throw new Error(`${uri} is not served by ${pattern}`)
  meter.measure(label, () => {
    if (table.find(request) === undefined) throw new Error("no location")
  })
}

for (const count of [5, 50, 500]) {
  const table = tableOf(count, 0)
  const last = count - 1
  measureLocation(`location, exact, of ${count}`, table, `/exact/${last}`, `/exact/${last}`)
  measureLocation(
    `location, longest prefix, of ${count}`,
    table,
    `/service${last}/items/17`,
    `/service${last}/`,
  )
  measureLocation(`location, none but /, of ${count}`, table, "/some/other/page.html", "/")
}
for (const count of [1, 10])
  measureLocation(
    `location, behind ${count} regular expression(s)`,
    tableOf(50, count),
    `/files${count - 1}/a/b/c.png`,
    `^/files${count - 1}/.*\\.(png|jpg)$`,
  )

function serverNamed(name: string): VirtualServer {
  return new VirtualServer(name, root, new LocationTable(), {
    head: {
      maxLineBytes: 8192,
      maxHeadBytes: 32768,
      underscoresInHeaders: false,
      ignoreInvalidHeaders: true,
    },
    clientHeaderTimeoutMs: 60_000,
    mergeSlashes: true,
  })
}

function measureServer(label: string, names: ServerNames, host: string, server: string): void {
  if (names.find(host, null).name !== server) throw new Error(`${host} is not served by ${server}`)
  let characters = 0
  meter.measure(label, () => {
    characters += names.find(host, null).name.length
  })
  if (characters === 0) throw new Error("nothing was found")
}

for (const count of [5, 2000]) {
  const names = new ServerNames(serverNamed("default"))
  for (let i = 0; i < count; i++) {
    const server = serverNamed(`host${i}`)
    names.add({ kind: "exact", name: `host${i}.example.com` }, server)
    names.add({ kind: "leading", name: `host${i}.example.com` }, server)
    names.add({ kind: "trailing", name: `www.host${i}` }, server)
  }
  const last = `host${count - 1}`
  measureServer(`server, exact name, of ${count}`, names, `${last}.example.com`, last)
  measureServer(`server, *.name, of ${count}`, names, `a.b.${last}.example.com`, last)
  measureServer(`server, name.*, of ${count}`, names, `www.${last}.example.net`, last)
  measureServer(`server, none, of ${count}`, names, "www.example.org", "default")
}
