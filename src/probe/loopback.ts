import { isIP } from "node:net"

/** Whether an address is this machine itself. */
export function isLoopback(address: string): boolean {
  if (isIP(address) === 4) return address.startsWith("127.")
  return address === "::1" || /^::ffff:127\./i.test(address)
}
