import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { describe, it } from "node:test"
import { NEXT } from "../runtime/phases.ts"
import { access } from "./access.ts"
import { Fixture } from "./core-variables-fixture.ts"

const HEAD = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"

/** "yes" or "no" for each address. */
function verdicts(rules: string, ...addresses: string[]): string {
  const fixture = new Fixture(`http { access_log off; server { location / { ${rules} } } }`)
  const location = fixture.location("/")
  const built = location.of(access)
  return addresses
    .map((address) => {
      if (built === undefined) return "none"
      const result = access.phases.access?.(fixture.request(location, HEAD, { address }), built)
      assert.ok(result === NEXT || result === 403)
      return result === NEXT ? "yes" : "no"
    })
    .join(" ")
}

describe("allow and deny", () => {
  it("let the first rule that matches decide, and all in without one", () => {
    const rules = "deny 192.168.1.1; allow 192.168.1.0/24; allow 10.1.1.0/16; allow 2001:db8::/32; deny all;"
    const addresses = [
      "192.168.1.1",
      "192.168.1.2",
      "10.1.255.1",
      "10.2.0.1",
      "2001:db8:1::1",
      "2001:db9::1",
      "unix:",
    ]
    assert.equal(verdicts(rules, ...addresses), "no yes yes no yes no no")
    assert.equal(verdicts("deny 10.0.0.0/8;", "10.1.1.1", "11.1.1.1", "::1", "unix:"), "no yes yes yes")
    assert.equal(verdicts("", "10.1.1.1"), "none")
  })

  it("know unix sockets", () => {
    assert.equal(verdicts("allow unix:; deny all;", "unix:", "127.0.0.1", "::1"), "yes no no")
    assert.equal(verdicts("deny unix:;", "unix:", "127.0.0.1"), "no yes")
  })

  it("look at IPv4 in IPv6 form as IPv4 where a rule speaks of IPv4", () => {
    assert.equal(verdicts("deny 10.0.0.0/8;", "::ffff:10.1.1.1", "::ffff:11.1.1.1"), "no yes")
    assert.equal(verdicts("deny ::ffff:0:0/96;", "::ffff:10.1.1.1", "10.1.1.1"), "no yes")
    assert.equal(verdicts("deny ::ffff:0:0/96; deny 1.1.1.1;", "::ffff:10.1.1.1"), "yes")
  })

  it("are replaced as a whole at a lower level", () => {
    const fixture = new Fixture(
      "http { access_log off; deny all; server { location /a { allow 10.0.0.1; } location /b { } } }",
    )
    const result = (pattern: string): number | undefined => {
      const location = fixture.location(pattern)
      const built = location.of(access)
      return built && access.phases.access?.(fixture.request(location, HEAD), built)
    }
    assert.equal(result("/a"), NEXT)
    assert.equal(result("/b"), 403)
  })

  it("say in the error log who was kept out", async () => {
    const fixture = new Fixture("http { access_log off; server { location / { deny all; } } }")
    const location = fixture.location("/")
    const built = location.of(access)
    assert.ok(built)
    access.phases.access?.(fixture.request(location, HEAD, { number: 7 }), built)
    await fixture.files.flush()
    assert.match(
      readFileSync(`${fixture.folder}error.log`, "latin1"),
      /^\S+ \S+ \[error\] 33#33: \*7 access forbidden by rule, client: 127\.0\.0\.1, server: example\.com, request: "GET \/x HTTP\/1\.1", host: "a"\n$/,
    )
  })

  it("refuse what is no address and warn of meaningless bits", () => {
    for (const text of ["x", "10.0.0.0/33", "10.0.0", "::/129", "localhost", "unix:/a", "10.0.0.1:80"])
      assert.throws(() => new Fixture(`http { server {\n deny ${text}; } }`), {
        message: `invalid parameter "${text}"`,
      })
    const fixture = new Fixture("http { allow 10.0.0.1/8;\n deny 2001:db8::1/32; deny 10.0.0.0/8; }")
    assert.deepEqual(fixture.warnings, [
      "low address bits of 10.0.0.1/8 are meaningless:1",
      "low address bits of 2001:db8::1/32 are meaningless:2",
    ])
  })
})
