import assert from "node:assert/strict"
import { isIPv6 } from "node:net"
import { it } from "node:test"
import { IpAddress, parseIpAddress } from "./cidr.ts"
import { formatIpAddress } from "./ip-text.ts"

const written = (text: string): string => formatIpAddress(parseIpAddress(text) as IpAddress)

it("writes IPv4 without leading zeros", () => {
  assert.equal(written("192.0.2.1"), "192.0.2.1")
  assert.equal(written("010.001.0.255"), "10.1.0.255")
})

it("leaves the first longest run of zeros out, in lower case", () => {
  const forms = [
    ["2001:0DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ] as const
  for (const [text, expected] of forms) assert.equal(written(text), expected)
})

it("ends mapped and compatible addresses in decimal", () => {
  assert.equal(written("::ffff:c000:201"), "::ffff:192.0.2.1")
  assert.equal(written("::c000:201"), "::192.0.2.1")
})

it("writes what it reads, whatever it is", () => {
  let seed = 1
  const random = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0
    // Many zeros, so that runs of them come in all places.
    return seed >>> 28 < 9 ? 0 : seed >>> ((seed >>> 25) & 15)
  }
  for (let i = 0; i < 2000; i++) {
    const address = new IpAddress(6, random(), random(), random(), random())
    const text = formatIpAddress(address)
    assert.ok(isIPv6(text), text)
    assert.deepEqual(parseIpAddress(text), address, text)
  }
})
