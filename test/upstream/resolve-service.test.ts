import assert from "node:assert/strict"
import { it } from "node:test"
import type { DnsRecord } from "../support/dns-server.ts"
import { addresses, nameOf, startResolvingProxy, untilNames } from "./name-server.ts"

const SERVICE = "resolver {dns} valid=1s; server app.test service=http resolve;"

/** SRV records: priority, weight, port, target. */
function service(...records: readonly (readonly [number, number, number, string])[]): readonly DnsRecord[] {
  return records.map((record) => ({ type: "SRV", data: record.join(" "), ttl: 1 }))
}

const TARGETS = {
  "one.test": addresses(["127.0.0.1"]),
  "two.test": addresses(["127.0.0.2"]),
  "three.test": addresses(["127.0.0.3"]),
}

it("ports and addresses come from the records of the service", async (t) => {
  const proxy = await startResolvingProxy(t, { upstream: SERVICE, zone: TARGETS })
  const { backendPort, zone } = proxy
  zone.set("_http._tcp.app.test", service([1, 1, backendPort, "one.test"], [1, 1, backendPort, "two.test"]))
  await untilNames(proxy, "1 2")
  zone.set("_http._tcp.app.test", service([1, 1, backendPort, "three.test"]))
  await untilNames(proxy, "3")
  zone.delete("_http._tcp.app.test")
  await proxy.edge.waitForLog(/service http of app\.test could not be resolved \(3: Host not found\)/)
  await untilNames(proxy, "502")
})

it("the weights of the records", async (t) => {
  const proxy = await startResolvingProxy(t, { upstream: SERVICE, zone: TARGETS })
  const { backendPort, zone } = proxy
  zone.set("_http._tcp.app.test", service([1, 3, backendPort, "one.test"], [1, 1, backendPort, "two.test"]))
  await untilNames(proxy, "1 2")
  const names: string[] = []
  for (let i = 0; i < 8; i++) names.push(await nameOf(proxy))
  assert.equal(names.filter((name) => name === "1").length, 6)
})

it("a weight of the line's own stands above", async (t) => {
  const proxy = await startResolvingProxy(t, {
    upstream: SERVICE.replace("resolve;", "resolve weight=2;"),
    zone: TARGETS,
  })
  const { backendPort, zone } = proxy
  zone.set("_http._tcp.app.test", service([1, 9, backendPort, "one.test"], [1, 1, backendPort, "two.test"]))
  await untilNames(proxy, "1 2")
  const names: string[] = []
  for (let i = 0; i < 8; i++) names.push(await nameOf(proxy))
  assert.equal(names.filter((name) => name === "1").length, 4)
})

it("records with a higher number are backups", async (t) => {
  const proxy = await startResolvingProxy(t, { upstream: SERVICE, zone: TARGETS })
  const { backendPort, zone } = proxy
  zone.set("_http._tcp.app.test", service([20, 1, backendPort, "two.test"], [10, 1, backendPort, "one.test"]))
  await untilNames(proxy, "1")
  // Nobody listens at 127.0.0.9.
  zone.set("one.test", addresses(["127.0.0.9"]))
  await untilNames(proxy, "2")
})

it("backup takes those of the highest priority alone", async (t) => {
  const proxy = await startResolvingProxy(t, {
    upstream: `server 127.0.0.9:{port}; ${SERVICE.replace("resolve;", "resolve backup;")}`,
    zone: TARGETS,
  })
  const { backendPort, zone } = proxy
  zone.set("_http._tcp.app.test", service([10, 1, backendPort, "one.test"], [20, 1, backendPort, "two.test"]))
  await untilNames(proxy, "1")
})

it("a service with a dot is put before the name as it is", async (t) => {
  const proxy = await startResolvingProxy(t, {
    upstream: SERVICE.replace("service=http", "service=server1.backend"),
    zone: TARGETS,
  })
  proxy.zone.set("server1.backend.app.test", service([1, 1, proxy.backendPort, "two.test"]))
  await untilNames(proxy, "2")
})

it("a target without addresses is left out, and named in the log", async (t) => {
  const proxy = await startResolvingProxy(t, { upstream: SERVICE, zone: TARGETS })
  const { backendPort, zone } = proxy
  zone.set("_http._tcp.app.test", service([1, 1, backendPort, "gone.test"], [1, 1, backendPort, "two.test"]))
  await untilNames(proxy, "2")
  await proxy.edge.waitForLog(
    /gone\.test could not be resolved \(3: Host not found\) while resolving service http of app\.test/,
  )
})

it("a method without backups leaves the others out", async (t) => {
  const proxy = await startResolvingProxy(t, { upstream: `ip_hash; ${SERVICE}`, zone: TARGETS })
  const { backendPort, zone } = proxy
  zone.set("_http._tcp.app.test", service([20, 1, backendPort, "two.test"], [10, 1, backendPort, "one.test"]))
  await untilNames(proxy, "1")
  zone.set("one.test", addresses(["127.0.0.9"]))
  await untilNames(proxy, "502")
})
