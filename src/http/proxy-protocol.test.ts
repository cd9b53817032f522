import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { describe, it } from "node:test"
import { MAX_PROXY_HEADER_BYTES, parseProxyHeader } from "./proxy-protocol.ts"
import { findTlv, TLV_BROKEN, tlvOfName } from "./proxy-protocol-tlv.ts"

const LINE = "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n"
const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n"
const INET = "\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\x57\x08\xae"

function binary(body: string, versionAndCommand = 0x21, family = 0x11): string {
  return (
    SIGNATURE + String.fromCharCode(versionAndCommand, family, body.length >> 8, body.length & 255) + body
  )
}

const parse = (text: string): ReturnType<typeof parseProxyHeader> =>
  parseProxyHeader(Buffer.from(text, "latin1"))

const ADDRESSES = {
  sourceAddress: "192.0.2.1",
  sourcePort: 1111,
  destinationAddress: "192.0.2.2",
  destinationPort: 2222,
}

describe("the header of the PROXY protocol", () => {
  it("is read at every split: nothing is decided before it is whole", () => {
    const headers = [LINE, "PROXY UNKNOWN any thing\r\n", binary(INET), binary(`${INET}\x01\x00\x02h2`)]
    for (const header of headers) {
      for (let end = 0; end < header.length; end++)
        assert.equal(parse(header.slice(0, end)), undefined, `${end}`)
      const whole = parse(header)
      assert.ok(whole !== undefined && "bytes" in whole)
      assert.equal(whole.bytes, header.length)
      assert.deepEqual(parse(`${header}GET / HTTP/1.1\r\n`), whole)
    }
  })

  it("tells addresses and ports", () => {
    assert.deepEqual(parse(LINE), { header: { ...ADDRESSES, tlvs: null }, bytes: LINE.length })
    assert.deepEqual(parse(binary(INET)), { header: { ...ADDRESSES, tlvs: null }, bytes: 28 })
  })

  it("is refused as soon as it cannot be one", () => {
    const broken = (shown: string): unknown => ({ reason: `broken header: "${shown}"` })
    assert.deepEqual(parse("GET / HTTP/1.1\r\n"), broken("GET / HTTP/1.1"))
    assert.deepEqual(parse("PROXY TCPx"), broken("PROXY TCPx"))
    assert.deepEqual(parse("\r\n\r\n\0\r\nQUIX"), broken(""))
    assert.deepEqual(parse(LINE.replace("2222", "65536")), broken(LINE.replace("2222", "65536").trimEnd()))
    assert.deepEqual(parse(binary(INET, 0x31)), { reason: "unknown PROXY protocol version: 3" })
    assert.deepEqual(parse(binary(INET.slice(1))), { reason: "" })
  })

  it("has a limit", () => {
    const long = `PROXY UNKNOWN ${"x".repeat(MAX_PROXY_HEADER_BYTES)}`
    assert.equal(parse(long.slice(0, MAX_PROXY_HEADER_BYTES - 1)), undefined)
    const refused = parse(long)
    assert.ok(refused !== undefined && "reason" in refused)
    assert.ok(refused.reason.length < 1100)
    const largest = binary(INET + "\0".repeat(MAX_PROXY_HEADER_BYTES - 28))
    assert.ok("bytes" in (parse(largest) ?? {}))
    assert.deepEqual(parse(binary(INET + "\0".repeat(MAX_PROXY_HEADER_BYTES - 27)).slice(0, 16)), {
      reason: "header is too large",
    })
  })

  it("does not throw, whatever comes", () => {
    for (let i = 0; i < 3000; i++) {
      const random = randomBytes(40)
      parseProxyHeader(random)
      parseProxyHeader(Buffer.concat([Buffer.from(SIGNATURE, "latin1"), random]))
      parseProxyHeader(Buffer.concat([Buffer.from("PROXY TCP4 ", "latin1"), random, Buffer.from("\r\n")]))
    }
  })
})

describe("its additional fields", () => {
  const sslPart = "\x21\x00\x07TLSv1.3\x22\x00\x02cn\x23\x00\x03abc"
  const ssl = `\x07\x00\x00\x00\x02${sslPart}`
  const tlvs = Buffer.from(
    `\x01\x00\x02h2\x02\x00\x06a.test\x05\x00\x02id\x20\x00${String.fromCharCode(ssl.length)}${ssl}\xea\x00\x03\x01vp`,
    "latin1",
  )
  const value = (name: string, from: Buffer | null = tlvs): unknown => {
    const known = tlvOfName(name)
    return known === undefined ? "unknown" : findTlv(from, known)
  }

  it("are found by name and by number", () => {
    assert.equal(value("alpn"), "h2")
    assert.equal(value("authority"), "a.test")
    assert.equal(value("unique_id"), "id")
    assert.equal(value("0xea"), "\x01vp")
    assert.equal(value("0x01"), "h2")
    assert.equal(value("ssl"), ssl)
    assert.equal(value("netns"), undefined)
    assert.equal(value("0x1ff"), undefined)
  })

  it("are found inside of the one about TLS", () => {
    assert.equal(value("ssl_verify"), "2")
    assert.equal(value("ssl_version"), "TLSv1.3")
    assert.equal(value("ssl_cn"), "cn")
    assert.equal(value("ssl_cipher"), "abc")
    assert.equal(value("ssl_0x22"), "cn")
    assert.equal(value("ssl_sig_alg"), undefined)
  })

  it("have no names but these", () => {
    for (const name of ["x", "ssl_x", "0xg", "ssl_alpn", "cn", "constructor", "1", ""])
      assert.equal(value(name), "unknown")
  })

  it("may be broken, or not there", () => {
    assert.equal(value("alpn", null), undefined)
    assert.equal(value("alpn", Buffer.from("\x02\x00", "latin1")), TLV_BROKEN)
    assert.equal(value("alpn", Buffer.from("\x02\x00\x05x", "latin1")), TLV_BROKEN)
    assert.equal(value("alpn", Buffer.from("\x01\x00\x01x\x02\x00\x05x", "latin1")), "x")
    assert.equal(value("ssl_cn", Buffer.from("\x20\x00\x04\0\0\0\0", "latin1")), undefined)
    assert.equal(value("ssl_cn", Buffer.from("\x20\x00\x07\0\0\0\0\0\x22\x00", "latin1")), TLV_BROKEN)
  })
})
