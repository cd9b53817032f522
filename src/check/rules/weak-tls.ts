import { weakCiphersOf } from "../ciphers.ts"
import { replaceArguments } from "../edits.ts"
import { describe, type Effective, effective } from "../effective.ts"
import type { Edit } from "../finding.ts"
import type { Model, Server } from "../model.ts"
import { type Report, rule } from "../rule.ts"

/** Forbidden by RFC 6176 and RFC 7568; no OpenSSL since 1.1.0 speaks the first, and few builds the second. */
const DEAD = ["SSLv2", "SSLv3"]
/** Deprecated by RFC 8996. */
const OLD = ["TLSv1", "TLSv1.1"]

export const weakTls = rule({
  id: "weak-tls",
  severity: "warning",
  title: "wss:// with protocols or ciphers that are broken",
  page: {
    happens:
      "Nothing that a user of a current browser sees: none of them speaks TLS before 1.2 since 2020. Old programs, and those who tamper with a handshake, get a connection that can be read or changed; scanners and auditors complain.",
    shows:
      "$ssl_protocol and $ssl_cipher in the access log, if they are in its format: TLSv1, TLSv1.1, or a cipher with RC4, DES, NULL or MD5 in its name.",
    why: "SSLv3 is broken by POODLE (RFC 7568), TLS 1.0 and 1.1 rest on MD5 and SHA-1 (RFC 8996), RC4 is forbidden (RFC 7465), DES and 3DES have blocks of 64 bits that a long WebSocket uses up (SWEET32), aNULL and NULL prove or hide nothing. Before nginx 1.27.3 the default of ssl_protocols has TLSv1 and TLSv1.1 in it; whether OpenSSL then lets them through depends on its security level.",
    fix: "ssl_protocols TLSv1.2 TLSv1.3; and ssl_ciphers HIGH:!aNULL:!MD5; (the default) or a list of ECDHE ciphers with GCM or CHACHA20.",
  },
  inspect(model, report) {
    const servers = new Set(model.webSockets.map(({ server }) => server))
    const encrypted = [...servers].filter(({ listens }) => listens.some(({ isSsl }) => isSsl))
    for (const server of encrypted) {
      inspectProtocols(server, model, report)
      inspectCiphers(server, model, report)
    }
    const silent = encrypted.find(
      ({ node }) => effective(node, "ssl_protocols", model.target)?.origin === null,
    )
    if (silent !== undefined) inspectDefault(silent, model, report)
  },
})

function inspectProtocols({ node }: Server, { target, tree }: Model, report: Report): void {
  const protocols = effective(node, "ssl_protocols", target)
  const origin = protocols?.origin ?? null
  if (protocols === undefined || origin === null) return
  const dead = protocols.args.filter((name) => DEAD.includes(name))
  const old = protocols.args.filter((name) => OLD.includes(name))
  const weak = [...dead, ...old]
  if (weak.length === 0) return
  const left = protocols.args.filter((name) => !weak.includes(name))
  const fix: readonly Edit[] =
    // Nothing but what no peer speaks any more goes by itself: some old device may need TLS 1.1.
    old.length === 0 && left.length > 0 ? [replaceArguments(tree, origin, left.join(" "))] : []
  report(
    origin,
    `wss:// may be spoken by ${weak.join(", ")}, which ${weak.length === 1 ? "is" : "are"} broken or given up: ${atOrigin("ssl_protocols", protocols)}.`,
    { advice: "ssl_protocols TLSv1.2 TLSv1.3;", fix, argument: protocols.args.indexOf(weak[0] as string) },
  )
}

function inspectCiphers({ node }: Server, { target }: Model, report: Report): void {
  const ciphers = effective(node, "ssl_ciphers", target)
  const origin = ciphers?.origin ?? null
  if (ciphers === undefined || origin === null) return
  const weak = weakCiphersOf(ciphers.value)
  if (weak.length === 0) return
  const kinds = weak.join(", ")
  report(
    origin,
    `wss:// may be spoken with ${kinds}: ssl_ciphers asks for ${weak.length === 1 ? "it" : "them"}.`,
    {
      advice: `Take ${kinds} out of ssl_ciphers, or leave the directive away: its default is HIGH:!aNULL:!MD5.`,
      argument: 0,
    },
  )
}

function inspectDefault({ node, listens }: Server, { target }: Model, report: Report): void {
  const protocols = effective(node, "ssl_protocols", target)
  const listen = listens.find(({ isSsl }) => isSsl)
  const old = protocols?.args.filter((name) => OLD.includes(name)) ?? []
  if (protocols === undefined || listen === undefined || old.length === 0) return
  report(
    listen.node,
    `wss:// may be spoken by ${old.join(" and ")}, unless OpenSSL forbids it: ${describe("ssl_protocols", protocols, node)}.`,
    { severity: "info", advice: "ssl_protocols TLSv1.2 TLSv1.3;" },
  )
}

function atOrigin(name: string, { value }: Effective): string {
  return `${name} is ${value} here`
}
