import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { type IpAddress, type Network, parseIpAddress, parseNetwork } from "../base/cidr.ts"
import { findForwarded, parseForwarded } from "./realip-forwarded.ts"

const networks = ["127.0.0.0/8", "10.0.0.0/8"].map((text) => parseNetwork(text)?.network as Network)
const OWN = parseIpAddress("127.0.0.1") as IpAddress

function find(
  values: readonly string[],
  isRecursive: boolean,
  own: IpAddress | null = OWN,
  trustsUnix = false,
): string {
  const found = findForwarded(own, values, { networks, trustsUnix }, isRecursive)
  return found === undefined ? "none" : `${found.text}:${found.port}`
}

describe("addresses behind a trusted proxy", () => {
  it("are the last one, or the last that is not trusted", () => {
    assert.equal(find(["192.0.2.1, 10.0.0.1"], false), "10.0.0.1:0")
    assert.equal(find(["192.0.2.1, 10.0.0.1"], true), "192.0.2.1:0")
    assert.equal(find(["192.0.2.1", "10.0.0.2,10.0.0.1"], true), "192.0.2.1:0")
    assert.equal(find(["192.0.2.9", "192.0.2.1,10.0.0.1"], true), "192.0.2.1:0")
    assert.equal(find(["10.0.0.3,10.0.0.2"], true), "10.0.0.3:0")
  })

  it("stay what was found before something that is no address", () => {
    assert.equal(find(["unknown, 10.0.0.1"], true), "10.0.0.1:0")
    assert.equal(find(["unknown"], true), "none")
    assert.equal(find([""], false), "none")
    assert.equal(find([","], true), "none")
    assert.equal(find([], true), "none")
  })

  it("are not looked for where the client is not trusted", () => {
    assert.equal(find(["192.0.2.1"], true, parseIpAddress("192.0.2.7") as IpAddress), "none")
    assert.equal(find(["192.0.2.1"], true, parseIpAddress("::ffff:10.0.0.7") as IpAddress), "192.0.2.1:0")
    assert.equal(find(["192.0.2.1"], true, null), "none")
    assert.equal(find(["192.0.2.1"], true, null, true), "192.0.2.1:0")
  })

  it("are quickly found in a field of any length", () => {
    assert.equal(find([`192.0.2.1,${"10.0.0.1,".repeat(700)}`], true), "192.0.2.1:0")
    assert.equal(find([" ".repeat(8000)], true), "none")
  })
})

it("an address may have a port, in brackets only where it is IPv6", () => {
  const text = (written: string): string => {
    const found = parseForwarded(written)
    return found === undefined ? "none" : `${found.text} ${found.port}`
  }
  assert.equal(text("192.0.2.1:80"), "192.0.2.1 80")
  assert.equal(text("[2001:DB8::1]:443"), "2001:db8::1 443")
  assert.equal(text("2001:db8::1"), "2001:db8::1 0")
  for (const bad of [
    "[::1]",
    "[::1",
    "::1]:80",
    "192.0.2.1:0",
    "192.0.2.1:65536",
    "192.0.2.1:",
    ":80",
    "",
    "[192.0.2.1]",
    "fe80::1%1",
  ])
    assert.equal(text(bad), "none", bad)
})
