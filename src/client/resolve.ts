/** Names to addresses, as programs have them resolved. */
import { lookup } from "node:dns"
import { isIP } from "node:net"
import type { Deadline } from "./deadline.ts"
import { DialError, dialErrorOf } from "./dial-error.ts"
import { hostPort } from "./endpoint.ts"

export interface Address {
  readonly address: string
  readonly family: 4 | 6
}

/**
 * All addresses of `host`, in the system's order (getaddrinfo(3)); those of `--resolve` where it names the host.
 * Throws DialError.
 */
export function addressesOf(
  host: string,
  port: number,
  given: ReadonlyMap<string, readonly string[]>,
  deadline: Deadline,
): Promise<readonly Address[]> {
  const fixed = given.get(hostPort(host, port)) ?? (isIP(host) === 0 ? undefined : [host])
  if (fixed !== undefined) return Promise.resolve(fixed.map(addressOf))
  return new Promise((resolve, reject) => {
    const disarm = deadline.arm(() => {
      const text = `no answer for the name ${host} within ${deadline.limitMs / 1000} s`
      reject(new DialError("resolve", text, { code: "TIMEOUT", elapsedMs: deadline.elapsedMs }))
    })
    lookup(host, { all: true, order: "verbatim" }, (error, found) => {
      disarm()
      if (error !== null) reject(dialErrorOf("resolve", error, deadline.elapsedMs))
      else resolve(found.map(({ address }) => addressOf(address)))
    })
  })
}

function addressOf(address: string): Address {
  return { address, family: isIP(address) === 6 ? 6 : 4 }
}
