/** Certificates that are revoked, and the lists that say so, made with the openssl program. */
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { issueCertificate, testAuthority } from "../support/certificates.ts"
import { makeTempFolder } from "../support/temp.ts"

export interface RevocationFiles {
  /** Of the tests' authority; revokes "revoked.test". */
  readonly crl: string
  /** The same, beyond its time. */
  readonly expiredCrl: string
}

/** Makes the lists. */
export async function revocationFiles(): Promise<RevocationFiles> {
  const folder = makeTempFolder("crl")
  const { own } = await testAuthority()
  const revoked = await issueCertificate(["revoked.test"])
  const config = join(folder, "ca.cnf")
  writeFileSync(join(folder, "index"), "")
  writeFileSync(join(folder, "crlnumber"), "01\n")
  writeFileSync(
    config,
    `[ca]\ndefault_ca=a\n[a]\ndatabase=${folder}/index\ncrlnumber=${folder}/crlnumber\ndefault_md=sha256\n`,
  )
  const ca = (...args: readonly string[]): void => {
    const whole = ["ca", "-config", config, "-cert", own.certificateFile, "-keyfile", own.keyFile, ...args]
    execFileSync("openssl", whole, { stdio: "ignore" })
  }
  ca("-revoke", revoked.certificateFile)
  const crl = join(folder, "list.crl")
  const expiredCrl = join(folder, "expired.crl")
  ca("-gencrl", "-out", crl, "-crldays", "3")
  ca(
    "-gencrl",
    "-out",
    expiredCrl,
    "-crl_lastupdate",
    "20250101000000Z",
    "-crl_nextupdate",
    "20250102000000Z",
  )
  return { crl, expiredCrl }
}
