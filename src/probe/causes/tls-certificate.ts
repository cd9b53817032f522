/** What is wrong with a certificate that was presented. */
import { hostPort } from "../../client/endpoint.ts"
import type { Case } from "../cause.ts"
import type { Diagnosis, Mend, Suspect } from "../report.ts"
import type { TlsOpenedSeen } from "../steps/tls.ts"
import type { CertificateSeen } from "../tls-chain.ts"
import { type Fault, type FaultId, faultsOf } from "../tls-faults.ts"
import { certificateText, namesText, timeText } from "../tls-text.ts"
import { edgeMends, suspect, tlsHop } from "./edge-mend.ts"

interface Told {
  readonly title: string
  readonly evidence: (opened: TlsOpenedSeen, one: Case) => readonly string[]
  readonly mend: (opened: TlsOpenedSeen, one: Case) => readonly Mend[]
}

export function diagnoseCertificate(one: Case, opened: TlsOpenedSeen): Diagnosis[] {
  const isExcused = one.context.client.tls.insecure
  return faultsOf(opened, Date.now()).map((fault) => {
    const severity = isExcused ? "info" : fault.isFatal ? "error" : "warning"
    const what = `The certificate ${fault.text}`
    return { severity, what, suspects: suspectsOf(one, opened, fault) }
  })
}

function suspectsOf(one: Case, opened: TlsOpenedSeen, { id }: Fault): Suspect[] {
  const { title, evidence, mend } = TOLD[id]
  const found = suspect(id, title, {
    hop: tlsHop(one),
    certainty: certaintyOf(id, opened),
    evidence: evidence(opened, one),
    mend: mend(opened, one),
  })
  const clock = id === "certificate-expired" || id === "certificate-not-yet-valid" ? clockOf(one) : undefined
  if (clock !== undefined) return [clock, found]
  if (
    id === "authority-unknown" &&
    one.context.client.proxy !== undefined &&
    opened.fetchedIssuer === undefined
  )
    return [inspected(one, opened), { ...found, certainty: "possible" }]
  return id === "authority-unknown" && opened.chain.end === "open"
    ? [found, { ...suspectsOf(one, opened, MISSING)[0], certainty: "possible" } as Suspect]
    : [found]
}

/** A proxy that opens TLS signs for every name with an authority of its own. */
function inspected({ context }: Case, opened: TlsOpenedSeen): Suspect {
  const { host = "", port = 0 } = context.client.proxy ?? {}
  return suspect("tls-inspected", "The proxy takes TLS apart, and signs with an authority of its own", {
    hop: `proxy ${hostPort(host, port)}`,
    certainty: "likely",
    evidence: [...sent(opened), `OpenSSL: ${opened.trustError ?? ""}`],
    mend: [
      { where: "here, if it is that: the authority of the proxy", text: "--ca proxy-authority.crt" },
      {
        where: "here, to see the server's own certificate: without the proxy",
        text: `holdfast probe ${context.endpoint.url}`,
      },
    ],
  })
}

const MISSING: Fault = { id: "intermediate-missing", isFatal: true, text: "" }

/** A chain that ends nowhere has two explanations, until the issuer is found. */
function certaintyOf(id: FaultId, { chain, fetchedIssuer }: TlsOpenedSeen): Suspect["certainty"] {
  if (id !== "authority-unknown" && id !== "intermediate-missing") return "certain"
  return chain.end === "open" && fetchedIssuer === undefined ? "likely" : "certain"
}

/** nginx's usual names of files. */
function files(host: string): string {
  return `ssl_certificate     /etc/nginx/${host}/fullchain.pem;\nssl_certificate_key /etc/nginx/${host}/privkey.pem;`
}

function replaced(opened: TlsOpenedSeen, one: Case, how: string): Mend[] {
  const { host } = opened
  return edgeMends(one, {
    place: `in the server of ${host}: the files of ${how}, then a reload`,
    nginx: files(host),
    haproxy: `bind :${one.context.endpoint.port} ssl crt /etc/haproxy/${host}.pem`,
  })
}

function chainMends(opened: TlsOpenedSeen, one: Case): Mend[] {
  const { host } = opened
  const order = "the server's own certificate, then each intermediate, without the root"
  return [
    { where: "the file", text: `cat ${host}.crt intermediate.crt > fullchain.pem` },
    ...edgeMends(one, {
      place: `in the server of ${host}; the file has ${order}`,
      nginx: files(host),
      haproxy: `bind :${one.context.endpoint.port} ssl crt /etc/haproxy/${host}.pem`,
    }),
  ]
}

const trusted: Mend = { where: "here, where that authority is to be trusted", text: "--ca authority.crt" }

const sent = ({ certificates }: TlsOpenedSeen): string[] =>
  certificates.map((one, index) => `${index + 1}. ${certificateText(one)}`)

/** Of the one whose times are wrong. */
function timesOf({ certificates }: TlsOpenedSeen): string[] {
  const now = Date.now()
  const isWrong = (one: CertificateSeen): boolean => one.validToMs < now || one.validFromMs > now
  const one = certificates.find(isWrong) ?? certificates[0]
  if (one === undefined) return []
  const times = `valid from ${timeText(one.validFromMs)} to ${timeText(one.validToMs)}`
  return [`${one.subject}, by ${one.issuer}: ${times}`, `the time here: ${timeText(now)}`]
}

const stapling = (opened: TlsOpenedSeen, one: Case): Mend[] =>
  edgeMends(one, {
    place: `in the server of ${opened.host}`,
    nginx: "ssl_stapling on;\nssl_stapling_verify on;\nresolver 127.0.0.53;",
    haproxy: `set ssl ocsp-response /etc/haproxy/${opened.host}.pem.ocsp`,
  })

const TOLD: Readonly<Record<FaultId, Told>> = {
  "certificate-expired": {
    title: "The certificate was not renewed, or the server was not reloaded after it was",
    evidence: timesOf,
    mend: (opened, one) => replaced(opened, one, "a renewed certificate"),
  },
  "certificate-not-yet-valid": {
    title: "The certificate's time has not begun",
    evidence: timesOf,
    mend: (opened, one) => replaced(opened, one, "a certificate that is valid now"),
  },
  "certificate-expires-soon": {
    title:
      "The certificate should have been renewed by now, or the server has not been reloaded since it was",
    evidence: timesOf,
    mend: (opened, one) => [
      {
        where: "certbot, to reload nginx after each renewal",
        text: 'certbot renew --deploy-hook "nginx -s reload"',
      },
      ...replaced(opened, one, "a renewed certificate"),
    ],
  },
  "certificate-wrong-name": {
    title: "The server presents a certificate for other names",
    evidence: ({ certificates, host, nameless }) => [
      `asked for ${host}`,
      `its names: ${certificates[0] === undefined ? "no certificate" : namesText(certificates[0])}`,
      ...(nameless === "same" ? ["asked for no name (SNI), it presents the same: the default server's"] : []),
    ],
    mend: (opened, one) => {
      const { host } = opened
      const { port } = one.context.endpoint
      return edgeMends(one, {
        place: "a server of that name, with its certificate",
        nginx: `server {\n    listen ${port} ssl;\n    server_name ${host};\n    ${files(host).replace("\n", "\n    ")}\n}`,
        haproxy: `bind :${port} ssl crt /etc/haproxy/certificates/`,
      })
    },
  },
  "certificate-self-signed": {
    title: "The server presents a certificate that it has signed itself",
    evidence: sent,
    mend: (opened, one) => [
      ...replaced(opened, one, "a certificate of an authority that clients trust"),
      { where: "here, where it is meant to be so", text: "--ca server.crt" },
    ],
  },
  "intermediate-missing": {
    title:
      "The server sends its own certificate without the intermediate that signed it; most clients refuse it",
    evidence: (opened) => {
      const { fetchedIssuer: issuer, trustError } = opened
      const found =
        issuer === undefined ? [] : [`${issuer.url} has it: ${issuer.subject}; with it the chain is trusted`]
      return [...sent(opened), ...found, `OpenSSL: ${trustError ?? ""}`]
    },
    mend: chainMends,
  },
  "authority-unknown": {
    title: "The certificate comes from an authority that is not trusted here",
    evidence: (opened) => [...sent(opened), `OpenSSL: ${opened.trustError ?? ""}`],
    mend: (opened, one) => [
      trusted,
      ...replaced(opened, one, "a certificate of an authority that clients trust"),
    ],
  },
  "certificate-weak-signature": {
    title: "A certificate of the chain is signed with a hash that clients refuse",
    evidence: sent,
    mend: (opened, one) => replaced(opened, one, "a certificate that is signed with SHA-256"),
  },
  "certificate-not-trusted": {
    title: "OpenSSL does not trust the chain",
    evidence: (opened) => [...sent(opened), `OpenSSL: ${opened.trustError ?? ""}`],
    mend: (opened, one) => replaced(opened, one, "a certificate that clients accept"),
  },
  "certificate-revoked": {
    title: "Its authority has revoked it, and the server staples that itself",
    evidence: ({ staple }) => [staple.reason],
    mend: (opened, one) => replaced(opened, one, "a new certificate"),
  },
  "staple-not-usable": {
    title: "The server staples an OCSP response that clients cannot use; Firefox refuses the connection",
    evidence: ({ staple }) => [staple.reason],
    mend: stapling,
  },
  "staple-missing": {
    title:
      "The certificate has must-staple (RFC 7633) and nothing is stapled; Firefox refuses the connection",
    evidence: (opened) => [...sent(opened), "two handshakes, both without an OCSP response"],
    mend: stapling,
  },
}

const MS_AN_HOUR = 3_600_000

/** The server's clock against ours: with ours wrong, all certificates are. */
function clockOf({ seen }: Case): Suspect | undefined {
  const date = seen.handshake?.kind === "answer" ? seen.handshake.head.headers.get("date") : undefined
  const theirs = date === undefined ? Number.NaN : Date.parse(date)
  if (!(Math.abs(theirs - Date.now()) > MS_AN_HOUR)) return undefined
  return suspect("clock-wrong", "The clock of this machine is wrong, or the server's", {
    hop: "this machine",
    certainty: "likely",
    evidence: [`the answer has Date: ${date}`, `the time here: ${timeText(Date.now())}`],
    mend: [{ where: "here", text: "timedatectl set-ntp true" }],
  })
}
