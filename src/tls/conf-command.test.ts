import assert from "node:assert/strict"
import { constants } from "node:crypto"
import { describe, it } from "node:test"
import { HoldfastError } from "../base/error.ts"
import { applyCommands } from "./conf-command.ts"
import { contextOptions, type TlsTuning, UNTUNED } from "./tuning.ts"

const SETTINGS: TlsTuning = {
  ...UNTUNED,
  protocols: new Set(["tlsv1.2", "tlsv1.3"]),
  ciphers: "HIGH",
  preferServerCiphers: false,
  ecdhCurve: "auto",
  sessionTickets: true,
}

function unsupported(what: string): never {
  throw new HoldfastError("UNSUPPORTED", `unsupported ${what}`)
}

function tuned(...commands: readonly (readonly [name: string, value: string])[]): TlsTuning {
  const list = commands.map(([name, value]) => ({ name, value }))
  return applyCommands(SETTINGS, list, unsupported)
}

function errorOf(name: string, value: string): string {
  try {
    tuned([name, value])
    return ""
  } catch (error) {
    return (error as Error).message
  }
}

describe("commands of SSL_CONF_cmd", () => {
  it("change what they name, in their order, and nothing else", () => {
    assert.deepEqual(tuned(), SETTINGS)
    assert.deepEqual(tuned(["CipherString", "AES128-SHA"]), { ...SETTINGS, ciphers: "AES128-SHA" })
    assert.deepEqual(tuned(["ciphersuites", "TLS_AES_128_GCM_SHA256"]), {
      ...SETTINGS,
      cipherSuites: "TLS_AES_128_GCM_SHA256",
    })
    assert.deepEqual(tuned(["Groups", "X25519"], ["Curves", "P-256:P-384"]), {
      ...SETTINGS,
      ecdhCurve: "P-256:P-384",
    })
    assert.deepEqual(tuned(["SignatureAlgorithms", "RSA+SHA256"]).signatureAlgorithms, "RSA+SHA256")
    assert.deepEqual(tuned(["MinProtocol", "TLSv1.3"], ["MaxProtocol", "TLSv1.3"]), {
      ...SETTINGS,
      minVersion: "TLSv1.3",
      maxVersion: "TLSv1.3",
    })
    assert.deepEqual([...tuned(["Protocol", "-ALL,TLSv1.1"]).protocols], ["tlsv1.1"])
  })

  it("turn options on and off", () => {
    const options = tuned(["Options", "ServerPreference, PrioritizeChaCha,-SessionTicket,-EncryptThenMac"])
    assert.equal(options.preferServerCiphers, true)
    assert.equal(options.sessionTickets, false)
    const both = constants.SSL_OP_PRIORITIZE_CHACHA | constants.SSL_OP_NO_ENCRYPT_THEN_MAC
    assert.equal(options.secureOptions, both)
    const back = tuned(["Options", "-EncryptThenMac,Bugs"], ["Options", "+EncryptThenMac,-Bugs"])
    assert.equal(back.secureOptions, 0)
  })

  it("make a number that has no sign", () => {
    const { secureOptions } = contextOptions(tuned(["Options", "Bugs"]), constants.SSL_OP_NO_RENEGOTIATION)
    assert.ok((secureOptions as number) > 0)
    assert.equal(
      BigInt(secureOptions as number) & BigInt(constants.SSL_OP_ALL >>> 0),
      BigInt(constants.SSL_OP_ALL >>> 0),
    )
  })

  it("are refused in nginx's words where OpenSSL does not take them", () => {
    const bad = "error:0A000180:SSL routines::bad value"
    assert.equal(
      errorOf("Nope", "x"),
      'SSL_CONF_cmd("Nope", "x") failed (SSL: error:0A000182:SSL routines::unknown cmd name:cmd=Nope)',
    )
    assert.equal(
      errorOf("options", "Nope"),
      `SSL_CONF_cmd("options", "Nope") failed (SSL: ${bad}:cmd=options, value=Nope)`,
    )
    // Names of Object's own are none of OpenSSL's.
    assert.match(errorOf("constructor", "x"), /unknown cmd name/)
    assert.match(errorOf("Options", "toString"), /bad value/)
    assert.match(errorOf("Protocol", "valueOf"), /bad value/)
    assert.match(errorOf("MinProtocol", "constructor"), /bad value/)
  })

  it("that Node has nothing for are said to be so", () => {
    for (const name of [
      "NumTickets",
      "RecordPadding",
      "Certificate",
      "VerifyMode",
      "ClientSignatureAlgorithms",
    ])
      assert.equal(errorOf(name, "x"), `unsupported "${name}"`)
    assert.equal(errorOf("Options", "-ExtendedMasterSecret"), 'unsupported "-ExtendedMasterSecret"')
    assert.equal(errorOf("Options", "PreferNoDHEKEX"), 'unsupported "PreferNoDHEKEX"')
    assert.equal(errorOf("Options", "MiddleboxCompat,-IgnoreUnexpectedEOF,KTLS"), "")
  })
})
