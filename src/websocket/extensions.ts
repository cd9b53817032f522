import { RSV_ANY, RSV_NONE, RSV1 } from "./frame-scanner.ts"

/**
 * The reserved bits that frames may set after a handshake whose answer has `extensions` as Sec-WebSocket-Extensions
 * (RFC 6455 §9.1): permessage-deflate marks a message with the first (RFC 7692 §6); of any other extension nothing
 * is known, so that all of them may mean something.
 */
export function extensionBits(extensions: string | undefined): number {
  if (extensions === undefined || extensions.trim() === "") return RSV_NONE
  const names = extensions.split(",").map((extension) => extension.split(";", 1)[0]?.trim().toLowerCase())
  return names.every((name) => name === "permessage-deflate") ? RSV1 : RSV_ANY
}
