/** Debian's sslscan: what a TLS server offers, as a list of lines. */
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { promisify } from "node:util"

const SSLSCAN = "/usr/bin/sslscan"
const execute = promisify(execFile)

/** Why nothing can be graded here, or false when it can: made for node:test's `skip`. */
export function sslscanMissing(): string | false {
  return existsSync(SSLSCAN) ? false : `${SSLSCAN} is not installed (Debian: apt-get install sslscan)`
}

/**
 * What sslscan finds on a port of 127.0.0.1, one element a line: protocols, fallback, renegotiation, compression,
 * heartbleed, ciphers in the order in which they are preferred, groups, certificates. What says when and where is left
 * out. `options` are more arguments for sslscan.
 */
export async function grade(port: number, ...options: string[]): Promise<string[]> {
  const { stdout } = await execute(SSLSCAN, [
    ...["--no-colour", "--show-sigs", "--xml=-", ...options],
    `127.0.0.1:${port}`,
  ])
  return stdout
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("<") && !/^<(\?xml|\/?document|\/?ssltest)/.test(line))
}
