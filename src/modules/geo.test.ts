import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { IpAddress, Network, parseIpAddress, parseNetwork } from "../base/cidr.ts"
import { accessLog } from "./access-log.ts"
import { Fixture } from "./core-variables-fixture.ts"
import { GeoNetworks } from "./geo-networks.ts"
import { GeoRanges } from "./geo-ranges.ts"

function network(text: string): Network {
  const parsed = parseNetwork(text)
  assert.ok(parsed)
  return parsed.network
}

describe("networks", () => {
  const words = fc.tuple(fc.integer(), fc.integer(), fc.integer(), fc.integer())
  const ipv4 = fc
    .tuple(fc.integer(), fc.nat(32))
    .map(([word, bits]) => new Network(new IpAddress(4, 0, 0, 0, word), bits))
  const ipv6 = fc.tuple(words, fc.nat(128)).map(([all, bits]) => new Network(new IpAddress(6, ...all), bits))
  const step = fc.record({
    network: fc.oneof(ipv4, ipv6),
    isDelete: fc.boolean(),
    value: fc.constantFrom("a", "b", ""),
  })

  it("give what the longest network that holds an address has", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const tree = new GeoNetworks()
        const plain = new Map<string, { network: Network; value: string }>()
        for (const { network: one, isDelete, value } of steps) {
          const key = JSON.stringify([one.base, one.prefixBits])
          if (isDelete) assert.equal(tree.delete(one), plain.delete(key))
          else {
            assert.equal(tree.add(one, value) !== undefined, plain.has(key))
            plain.set(key, { network: one, value })
          }
        }
        for (const { network: one } of steps) {
          const { base } = one
          if (base.isIpv4Mapped) continue
          const holding = [...plain.values()].filter((entry) => entry.network.contains(base))
          const longest = holding.sort((a, b) => b.network.prefixBits - a.network.prefixBits)[0]
          assert.equal(tree.find(base), longest?.value ?? "")
        }
      }),
    )
  })

  it("say what was found before for a network that is added twice", () => {
    const tree = new GeoNetworks()
    assert.equal(tree.add(network("10.0.0.0/8"), "a"), undefined)
    assert.equal(tree.add(network("10.0.0.0/8"), "b"), "a")
    tree.add(network("10.0.0.0/16"), "c")
    // As in nginx, it is looked up by the network's first address.
    assert.equal(tree.add(network("10.0.0.0/8"), "d"), "c")
    assert.equal(tree.find(parseIpAddress("10.1.1.1")), "d")
  })
})

describe("ranges", () => {
  const report = {
    onDuplicate: () => {},
    onOverlap: (from: string, to: string): never => {
      throw new Error(`${from}-${to}`)
    },
  }

  it("give what the range last added has, where all lie in each other or apart", () => {
    const base = 0x0affff00
    const range = fc.tuple(fc.nat(600), fc.nat(600), fc.constantFrom("a", "b", "c"))
    fc.assert(
      fc.property(fc.array(range, { maxLength: 12 }), (steps) => {
        const ranges = new GeoRanges()
        const plain = new Map<number, string>()
        for (const [start, length, value] of steps) {
          try {
            ranges.add(base + start, base + start + length, value, report)
          } catch {
            // Part of it may have been added: nginx ends there.
            return
          }
          for (let at = start; at <= start + length; at++) plain.set(at, value)
        }
        for (let at = 0; at <= 1300; at++)
          assert.equal(ranges.find(new IpAddress(4, 0, 0, 0, base + at)), plain.get(at))
      }),
    )
  })
})

/** The value of `$g`, and what was warned of. */
function located(lines: string, address = "10.0.0.1"): { line: string; warnings: readonly string[] } {
  const fixture = new Fixture(`http { geo $g {\n${lines}\n} log_format f '$g'; server { access_log l f; } }`)
  const location = fixture.location()
  const request = fixture.request(location, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", { address })
  const line = location.of(accessLog)?.[0]?.format.line(request).slice(0, -1) ?? ""
  return { line, warnings: fixture.warnings }
}

describe("geo", () => {
  it("warns as nginx does", () => {
    const cases: [string, string[]][] = [
      ["10.0.0.0/8 a;\n10.0.0.0/8 b;", ['duplicate network "10.0.0.0/8", value: "b", old value: "a":3']],
      [
        "default a;\ndefault b;",
        [
          'duplicate network "default", value: "b", old value: "a":3',
          'duplicate network "default", value: "b", old value: "a":3',
        ],
      ],
      ["10.1.0.0/8 a;", ["low address bits of 10.1.0.0/8 are meaningless:2"]],
      ["delete 10.0.0.0/8;", ['no network "10.0.0.0/8" to delete:2']],
      ["ranges; delete 10.0.0.0-10.0.0.9;", ['no address range "10.0.0.0-10.0.0.9" to delete:2']],
      ["ranges; default a;\ndefault b;", ['duplicate default geo range value: "b", old value: "a":3']],
      [
        "ranges; 10.0.0.0-10.1.255.255 a;\n10.0.0.0-10.1.255.255 b;",
        [
          'duplicate range "10.0.0.0-10.1.255.255", value: "b", old value: "a":3',
          'duplicate range "10.0.0.0-10.1.255.255", value: "b", old value: "a":3',
        ],
      ],
    ]
    for (const [lines, warnings] of cases) assert.deepEqual(located(lines).warnings, warnings, lines)
  })

  it("takes volatile", () => {
    assert.equal(located("volatile; 10.0.0.0/8 a;").line, "a")
  })

  it("knows no network of a unix socket", () => {
    assert.equal(located("default d; 255.255.255.255 s;", "unix:").line, "s")
    assert.equal(located("ranges; default d; 10.0.0.0-10.0.0.9 s;", "unix:").line, "d")
  })
})
