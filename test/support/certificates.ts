import { execFile } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { makeTempFolder } from "./temp.ts"

/** A certificate with its key, as files and as PEM text. */
export interface Certificate {
  readonly certificateFile: string
  readonly keyFile: string
  readonly certificate: string
  readonly key: string
}

export type KeyType = "ecdsa" | "rsa"

export interface CertificateRequest {
  /** DNS names and IP addresses, the first of which is the common name too. */
  readonly names: readonly string[]
  readonly keyType?: KeyType
  /** The key file is encrypted with this pass phrase. */
  readonly passphrase?: string
  /** Days from now until it is no longer valid; negative for one that is over. */
  readonly days?: number
  /** Days from now until it becomes valid; negative for one that has been valid for some time. Default: now. */
  readonly startDays?: number
  /** Where the authority's own certificate is to be had (Authority Information Access). */
  readonly issuerUrl?: string
  /** With the TLS feature status_request (RFC 7633). */
  readonly mustStaple?: boolean
}

const execute = promisify(execFile)

/** A certificate authority of the tests, in its own temporary folder, made with the openssl program. */
export class TestAuthority {
  readonly folder: string
  /** The authority's own certificate: to be trusted by clients, or given as ssl_client_certificate. */
  readonly own: Certificate
  readonly #made = new Map<string, Promise<Certificate>>()

  private constructor(folder: string, own: Certificate) {
    this.folder = folder
    this.own = own
  }

  static async create(commonName = "Holdfast test authority"): Promise<TestAuthority> {
    const folder = makeTempFolder("ca")
    const certificateFile = join(folder, "ca.crt")
    const keyFile = join(folder, "ca.key")
    await makeKey(keyFile, "ecdsa")
    await execute("openssl", [
      ...["req", "-x509", "-new", "-key", keyFile, "-out", certificateFile, "-days", "30"],
      ...["-subj", `/CN=${commonName}`, "-addext", "basicConstraints=critical,CA:TRUE"],
    ])
    return new TestAuthority(folder, readCertificate(certificateFile, keyFile))
  }

  /** Makes an authority below this one, in a folder of its own. */
  async intermediate(commonName: string): Promise<TestAuthority> {
    const folder = makeTempFolder("ca")
    const path = (extension: string): string => join(folder, `ca.${extension}`)
    await makeKey(path("key"), "ecdsa")
    const subject = `/CN=${commonName}`
    await execute("openssl", ["req", "-new", "-key", path("key"), "-out", path("csr"), "-subj", subject])
    writeFileSync(path("ext"), "basicConstraints=critical,CA:TRUE\n")
    await execute("openssl", [
      ...["x509", "-req", "-in", path("csr"), "-CA", this.own.certificateFile, "-CAkey", this.own.keyFile],
      ...["-set_serial", String(Date.now()), "-days", "30", "-extfile", path("ext"), "-out", path("crt")],
    ])
    return new TestAuthority(folder, readCertificate(path("crt"), path("key")))
  }

  /** Makes a leaf certificate for servers and clients; the same request gives the same files. */
  issue(request: CertificateRequest): Promise<Certificate> {
    const key = JSON.stringify(request)
    let made = this.#made.get(key)
    if (made === undefined) {
      made = this.#make(request, `leaf${this.#made.size}`)
      this.#made.set(key, made)
    }
    return made
  }

  async #make(request: CertificateRequest, label: string): Promise<Certificate> {
    const path = (extension: string): string => join(this.folder, `${label}.${extension}`)
    await makeKey(path("key"), request.keyType ?? "ecdsa")
    const subject = `/CN=${request.names[0] ?? "leaf"}`
    await execute("openssl", ["req", "-new", "-key", path("key"), "-out", path("csr"), "-subj", subject])
    const names = request.names.map((name) => (isAddress(name) ? `IP:${name}` : `DNS:${name}`))
    writeFileSync(
      path("ext"),
      `subjectAltName=${names.join(",")}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n${extensionsOf(request)}`,
    )
    if (request.startDays === undefined) await this.#sign(request, path)
    else await this.#signFrom(request.startDays, request, path)
    if (request.passphrase !== undefined) await encryptKey(path("key"), request.passphrase)
    return readCertificate(path("crt"), path("key"))
  }

  async #sign(request: CertificateRequest, path: (extension: string) => string): Promise<void> {
    await execute("openssl", [
      ...["x509", "-req", "-in", path("csr"), "-CA", this.own.certificateFile, "-CAkey", this.own.keyFile],
      ...["-set_serial", String(Date.now()), "-days", String(request.days ?? 30)],
      ...["-extfile", path("ext"), "-out", path("crt")],
    ])
  }

  /** `openssl x509` signs from now on only. */
  async #signFrom(
    startDays: number,
    { days = 30 }: CertificateRequest,
    path: (extension: string) => string,
  ): Promise<void> {
    const database = path("index")
    writeFileSync(database, "")
    writeFileSync(path("serial"), Date.now().toString(16).padStart(12, "0"))
    writeFileSync(
      path("cnf"),
      `[ca]\ndefault_ca=a\n[a]\ndatabase=${database}\nserial=${path("serial")}\nnew_certs_dir=${this.folder}\npolicy=p\ndefault_md=sha256\n[p]\ncommonName=supplied\n`,
    )
    await execute("openssl", [
      ...["ca", "-batch", "-notext", "-config", path("cnf")],
      ...["-cert", this.own.certificateFile, "-keyfile", this.own.keyFile, "-extfile", path("ext")],
      ...["-startdate", asnTime(startDays), "-enddate", asnTime(days)],
      ...["-in", path("csr"), "-out", path("crt")],
    ])
  }
}

function extensionsOf({ issuerUrl, mustStaple }: CertificateRequest): string {
  const issuer = issuerUrl === undefined ? "" : `authorityInfoAccess=caIssuers;URI:${issuerUrl}\n`
  return mustStaple === true ? `${issuer}tlsfeature=status_request\n` : issuer
}

/** GeneralizedTime, so many days from now. */
function asnTime(days: number): string {
  const time = new Date(Date.now() + days * 86_400_000).toISOString()
  return `${time.slice(0, 19).replaceAll(/\D/g, "")}Z`
}

// The one cache of this process: keys are slow to make, and the tests of a file share them.
const shared: { authority: Promise<TestAuthority> | undefined } = { authority: undefined }

/** The authority that all tests of this process share. */
export function testAuthority(): Promise<TestAuthority> {
  shared.authority ??= TestAuthority.create()
  return shared.authority
}

/** A certificate of the shared authority. */
export async function issueCertificate(
  names: readonly string[],
  keyType: KeyType = "ecdsa",
): Promise<Certificate> {
  return (await testAuthority()).issue({ names, keyType })
}

async function makeKey(file: string, keyType: KeyType): Promise<void> {
  const options =
    keyType === "rsa"
      ? ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
      : ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
  await execute("openssl", ["genpkey", ...options, "-out", file])
}

async function encryptKey(file: string, passphrase: string): Promise<void> {
  await execute("openssl", [
    "pkey",
    "-in",
    file,
    "-out",
    `${file}.enc`,
    "-aes256",
    "-passout",
    `pass:${passphrase}`,
  ])
  writeFileSync(file, readFileSync(`${file}.enc`))
}

function readCertificate(certificateFile: string, keyFile: string): Certificate {
  const certificate = readFileSync(certificateFile, "latin1")
  return { certificateFile, keyFile, certificate, key: readFileSync(keyFile, "latin1") }
}

function isAddress(name: string): boolean {
  return /^[\d.]+$/.test(name) || name.includes(":")
}
