import assert from "node:assert/strict"
import { BlockList, isIP } from "node:net"
import { describe, it } from "node:test"
import fc from "fast-check"
import { parseIpAddress, parseNetwork } from "./cidr.ts"

const ipv4 = fc.ipV4()
const ipv6 = fc.ipV6()

describe("parseIpAddress", () => {
  it("takes what the system takes and, as nginx does, leading zeros of decimal octets", () => {
    const part = fc.constantFrom(
      "0",
      "1",
      "ff",
      "255",
      "256",
      ":",
      "::",
      ".",
      "192.0.2.1",
      "ffff",
      "10000",
      "g",
      "",
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 17 }), (parts) => {
        const text = parts.join("")
        assert.equal(parseIpAddress(text)?.family ?? 0, isIP(withoutLeadingZeros(text)), text)
      }),
      { numRuns: 5000 },
    )
    fc.assert(fc.property(fc.oneof(ipv4, ipv6), (text) => parseIpAddress(text)?.family === isIP(text)))
  })

  it("gives the octets in network order", () => {
    assert.equal(parseIpAddress("192.0.2.255")?.toOctets(), "\xc0\x00\x02\xff")
    assert.equal(parseIpAddress("2001:db8::a:1")?.toOctets(), "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\x0a\0\x01")
    assert.equal(parseIpAddress("::1.2.3.4")?.toOctets(), "\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02\x03\x04")
  })

  it("knows IPv4 in IPv6 form", () => {
    const mapped = parseIpAddress("::ffff:192.0.2.1")
    assert.equal(mapped?.isIpv4Mapped, true)
    assert.equal(mapped?.unmapped().toOctets(), "\xc0\x00\x02\x01")
    assert.equal(parseIpAddress("::fffe:192.0.2.1")?.isIpv4Mapped, false)
    assert.equal(parseIpAddress("192.0.2.1")?.isIpv4Mapped, false)
  })

  it("leaves the zone out", () => {
    assert.equal(parseIpAddress("fe80::1%eth0")?.toOctets(), parseIpAddress("fe80::1")?.toOctets())
  })
})

describe("parseNetwork", () => {
  it("contains the addresses that net.BlockList finds", () => {
    // Neighbours of the network's own address, or every case would be "outside".
    const near = (address: fc.Arbitrary<string>, maxBits: number, family: "ipv4" | "ipv6") =>
      fc.property(
        address,
        fc.integer({ min: 0, max: maxBits }),
        fc.nat(maxBits - 1),
        address,
        (base, bits, bit, other) => {
          const list = new BlockList()
          list.addSubnet(base, bits, family)
          const network = parseNetwork(`${base}/${bits}`)?.network
          assert.ok(network)
          for (const text of [base, other, flipBit(base, bit, family)]) {
            const address = parseIpAddress(text)
            assert.ok(address)
            if (address.isIpv4Mapped) continue
            assert.equal(network.contains(address), list.check(text, family), `${text} in ${base}/${bits}`)
          }
        },
      )
    fc.assert(near(ipv4, 32, "ipv4"), { numRuns: 2000 })
    fc.assert(near(ipv6, 128, "ipv6"), { numRuns: 2000 })
  })

  it("tells meaningless low bits", () => {
    assert.equal(parseNetwork("10.0.0.1/8")?.hasLowBits, true)
    assert.equal(parseNetwork("10.0.0.0/8")?.hasLowBits, false)
    assert.equal(parseNetwork("10.0.0.1")?.hasLowBits, false)
    assert.equal(parseNetwork("2001:db8::1/32")?.hasLowBits, true)
    assert.equal(parseNetwork("2001:db8::/32")?.hasLowBits, false)
    assert.equal(parseNetwork("0.0.0.0/0")?.hasLowBits, false)
  })

  it("refuses what is no network", () => {
    for (const text of [
      "",
      "10",
      "10.0.0.0/33",
      "10.0.0.0/",
      "10.0.0.0/-1",
      "::/129",
      "::/x",
      "10.0.0.0/8/8",
      "fe80::1%eth0",
    ])
      assert.equal(parseNetwork(text), undefined, text)
  })

  it("keeps the families apart", () => {
    const all6 = parseNetwork("::/0")?.network
    const address = parseIpAddress("127.0.0.1")
    assert.ok(all6 && address)
    assert.equal(all6.contains(address), false)
  })
})

/** Octets with leading zeros are read as decimal. Their form is left alone where hexadecimal groups stand. */
function withoutLeadingZeros(text: string): string {
  return text.replace(/\d+(\.\d+)+$/, (quad) => quad.replace(/\b0+(?=\d)/g, ""))
}

/** `text` with one bit changed, in a form that the system reads. */
function flipBit(text: string, bit: number, family: "ipv4" | "ipv6"): string {
  const octets = [...(parseIpAddress(text)?.toOctets() ?? "")].map((octet) => octet.charCodeAt(0))
  octets[bit >> 3] ^= 128 >> (bit & 7)
  if (family === "ipv4") return octets.join(".")
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) groups.push(((octets[i] << 8) | octets[i + 1]).toString(16))
  return groups.join(":")
}
