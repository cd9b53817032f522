/** Whether a certificate and its key will do, before anything is started with them. */
import { createPrivateKey, X509Certificate } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { isIP } from "node:net"
import { basename, dirname, join } from "node:path"
import { errnoText } from "../base/errno.ts"
import { isLoopbackName } from "./values.ts"

export const LETS_ENCRYPT = "/etc/letsencrypt/live"

/** Where the certificate of a name is likely to lie: Let's Encrypt's, where there is one. */
export function defaultCertificate(name: string): string {
  const site = name.replace(/^\*?\./, "")
  const issued = `${LETS_ENCRYPT}/${site}/fullchain.pem`
  return existsSync(issued) ? issued : `/etc/nginx/ssl/${site}.crt`
}

/** The key as certbot, mkcert and most others name it, beside its certificate. */
export function defaultKey(certificate: string): string {
  const name = basename(certificate)
  if (name === "fullchain.pem" || name === "cert.pem") {
    const keys = ["privkey.pem", "key.pem"].map((key) => join(dirname(certificate), key))
    return keys.find((key) => existsSync(key)) ?? (keys[0] as string)
  }
  if (name.endsWith(".pem")) return certificate.replace(/\.pem$/, "-key.pem")
  return `${certificate.replace(/\.(?:crt|cer|cert)$/, "")}.key`
}

/** What is wrong with the certificate at `path`, a sentence each; empty where it will do. `nowMs` since 1970. */
export function certificateFaults(path: string, names: readonly string[], nowMs: number): string[] {
  const read = readPem(path)
  if (typeof read === "string") return [read]
  let leaf: X509Certificate
  try {
    leaf = new X509Certificate(read)
  } catch {
    return [`${path} is no certificate in PEM form`]
  }
  const faults: string[] = []
  if (leaf.validFromDate.getTime() > nowMs) faults.push(`${path} is valid from ${day(leaf.validFromDate)} on`)
  if (leaf.validToDate.getTime() < nowMs) faults.push(`${path} expired on ${day(leaf.validToDate)}`)
  const missing = names.filter((name) => !isCovered(name, leaf))
  if (missing.length > 0) faults.push(`${path} is not for ${missing.join(", ")}, but for ${coveredBy(leaf)}`)
  return faults
}

/** What is wrong with the key at `path`, which is to belong to `certificate`. */
export function keyFaults(path: string, certificate: string): string[] {
  const read = readPem(path)
  if (typeof read === "string") return [read]
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(read.toString("latin1")))
    return [`${path} needs a pass phrase, which ssl_password_file would have to name`]
  const pem = readPem(certificate)
  try {
    const key = createPrivateKey(read)
    if (typeof pem === "string" || matches(pem, key)) return []
  } catch {
    return [`${path} is no private key in PEM form`]
  }
  return [`${path} is not the key of ${certificate}`]
}

function matches(pem: Buffer, key: ReturnType<typeof createPrivateKey>): boolean {
  try {
    return new X509Certificate(pem).checkPrivateKey(key)
  } catch {
    // What is no certificate was said of the certificate.
    return true
  }
}

/** The file, or a sentence on why it cannot be read. */
function readPem(path: string): Buffer | string {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === "ENOENT") return `${path} does not exist`
    return `${path} cannot be read (${errnoText(error as NodeJS.ErrnoException)})`
  }
}

/** "*.example.com" and ".example.com" stand for any name below. */
function isCovered(name: string, leaf: X509Certificate): boolean {
  const host = name.replace(/^\[(.*)\]$/, "$1")
  if (isIP(host) !== 0) return leaf.checkIP(host) !== undefined
  return leaf.checkHost(host.replace(/^\*?\./, "any-name.")) !== undefined
}

function coveredBy(leaf: X509Certificate): string {
  const names = [...(leaf.subjectAltName ?? "").matchAll(/(?:DNS|IP Address):([^,\s"]+)/g)].map(
    ([, name]) => name,
  )
  const few = names.slice(0, 3).join(", ")
  if (names.length === 0) return "no name at all"
  return names.length > 3 ? `${few} and ${names.length - 3} more` : few
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10)
}

/** A command that gets a certificate for `names`. */
export function certificateCommand(certificate: string, key: string, names: readonly string[]): string {
  const list = names.map((name) => name.replace(/^\[(.*)\]$/, "$1"))
  if (list.every(isLoopbackName)) {
    const alternatives = list.map((name) => `${isIP(name) === 0 ? "DNS" : "IP"}:${name}`).join(",")
    return [
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30",
      `-subj /CN=${list[0]} -addext subjectAltName=${alternatives}`,
      `-keyout ${shellWord(key)} -out ${shellWord(certificate)}`,
    ].join(" ")
  }
  const hosts = list.map((name) => `-d ${shellWord(name.replace(/^\./, "*."))}`).join(" ")
  // A name with "*" is only given to who can change its DNS.
  const way = list.some((name) => /^\*?\./.test(name))
    ? "--manual --preferred-challenges dns"
    : "--standalone"
  return `certbot certonly ${way} ${hosts}`
}

/** A word of a command line, quoted where a shell would read it otherwise. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
