import assert from "node:assert/strict"
import { homedir } from "node:os"
import { describe, it } from "node:test"
import { HoldfastError } from "../base/error.ts"
import {
  parseBackend,
  parseConfiguredFile,
  parseFile,
  parseListen,
  parseName,
  parsePath,
  parseResolver,
  parseTimeout,
} from "./values.ts"

/** What each text becomes; null where it is refused. */
function suite(parse: (text: string) => string, cases: Readonly<Record<string, string | null>>): void {
  for (const [text, expected] of Object.entries(cases))
    it(`${parse.name} ${JSON.stringify(text)}`, () => {
      if (expected === null) assert.throws(() => parse(text), HoldfastError)
      else assert.equal(parse(text), expected)
    })
}

const MEGA = "a".repeat(64)

describe("values of init", () => {
  suite(parseName, {
    "Example.COM": "example.com",
    "example.com.": "example.com",
    "*.example.com": "*.example.com",
    ".example.com": ".example.com",
    "münchen.example": "xn--mnchen-3ya.example",
    "*.bücher.example": "*.xn--bcher-kva.example",
    localhost: "localhost",
    "a_b.internal": "a_b.internal",
    "10.0.0.1": "10.0.0.1",
    "::1": "[::1]",
    "[2001:DB8:0::1]": "[2001:db8::1]",
    "fe80::1%eth0": null,
    _: null,
    "": null,
    ".": null,
    "*.": null,
    "*": null,
    "www.*": null,
    "~^www": null,
    "a..b": null,
    "-a.example": null,
    "a-.example": null,
    [MEGA]: null,
    [`${"a.".repeat(127)}a`]: null,
    "300.1.1.1": null,
    "a b": null,
    "a;b": null,
    "a{b": null,
    a$b: null,
    "https://a.example": null,
    "a.example:443": null,
    "ü;b": null,
  })

  const backend = (text: string): string => {
    const { address, hostName, scheme } = parseBackend(text)
    return [address, hostName, scheme ?? "-"].join(" ")
  }
  suite(backend, {
    "192.168.10.20:3000": "192.168.10.20:3000  -",
    "3000": "127.0.0.1:3000  -",
    ":3000": "127.0.0.1:3000  -",
    "App:3000": "app:3000 app -",
    "http://app": "app:80 app http",
    "ws://app:81/": "app:81 app http",
    "HTTPS://app.example": "app.example:443 app.example https",
    "wss://[::1]:8443": "[::1]:8443  https",
    "unix:/run/app.sock": "unix:/run/app.sock  -",
    "/run/app.sock": "unix:/run/app.sock  -",
    "http://unix:/run/app.sock": "unix:/run/app.sock  http",
    app: null,
    "app:0": null,
    "app:65536": null,
    "app:http": null,
    "app:3000/ws": null,
    "http://app:1/ws": null,
    "http://app:1?x": null,
    "::1:3000": null,
    "[::1]": null,
    "[fe80::1%eth0]:1": null,
    "joe:secret@app:1": null,
    "ftp://app:1": null,
    "*:3000": null,
    "a$b:1": null,
    "unix:run/app.sock": null,
    "unix:": null,
    [`/${"x".repeat(107)}`]: null,
    "/run/a\nb": null,
    "": null,
  })

  suite((text) => parseListen(text).text, {
    "443": "443",
    "*:443": "443",
    "0.0.0.0:443": "0.0.0.0:443",
    "[::]:443": "[::]:443",
    "localhost:8443": "127.0.0.1:8443",
    "127.0.0.1": null,
    "443-445": null,
    "name:443": null,
    "unix:/x": null,
    "443 ssl": null,
    "": null,
  })

  suite(parsePath, {
    "/ws/": "/ws/",
    "/": "/",
    "/a%20b": "/a b",
    "/ü": "/ü",
    "/%C3%BC": "/ü",
    "/a.b..c": "/a.b..c",
    "/;{}\"'\\$": "/;{}\"'\\$",
    ws: null,
    "": null,
    "/a?b": null,
    "/a#b": null,
    "//a": null,
    "/a/../b": null,
    "/a/.": null,
    "/%2e%2e/a": null,
    "/a%0ab": null,
    "/a%00": null,
    "/%zz": null,
    "/%ff": null,
    "/\ud800": null,
  })

  suite(parseTimeout, {
    "3600s": "3600s",
    "3600": "3600s",
    "1h": "1h",
    "1h 30m": "1h30m",
    "60s": "60s",
    "59s": null,
    "25d": null,
    "0": null,
    "1h;": null,
    "90 30": null,
    "": null,
  })

  suite(parseResolver, {
    "127.0.0.53": "127.0.0.53",
    "10.0.0.1:5353": "10.0.0.1:5353",
    "::1": "[::1]",
    "[::1]:53": "[::1]:53",
    "dns.example": null,
    "": null,
  })

  suite(parseFile, { "/a/../b": "/b", "~/x": `${homedir()}/x`, "/a$b": "/a$b", "": null, "/a\tb": null })
  suite(parseConfiguredFile, { "/a b;c": "/a b;c", "/a$b": null, "data:x": `${process.cwd()}/data:x` })
})
