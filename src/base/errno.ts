import { constants } from "node:os"
import { getSystemErrorMap } from "node:util"

/** The C library's words (strerror) for the errors that networks and files give; the C locale's, as nginx logs them. */
const STRERROR: ReadonlyMap<string, string> = new Map([
  ["EPERM", "Operation not permitted"],
  ["ENOENT", "No such file or directory"],
  ["EINTR", "Interrupted system call"],
  ["EIO", "Input/output error"],
  ["EBADF", "Bad file descriptor"],
  ["EAGAIN", "Resource temporarily unavailable"],
  ["ENOMEM", "Cannot allocate memory"],
  ["EACCES", "Permission denied"],
  ["EFAULT", "Bad address"],
  ["EBUSY", "Device or resource busy"],
  ["EEXIST", "File exists"],
  ["EXDEV", "Invalid cross-device link"],
  ["ENODEV", "No such device"],
  ["ENOTDIR", "Not a directory"],
  ["EISDIR", "Is a directory"],
  ["EINVAL", "Invalid argument"],
  ["ENFILE", "Too many open files in system"],
  ["EMFILE", "Too many open files"],
  ["EFBIG", "File too large"],
  ["ENOSPC", "No space left on device"],
  ["EROFS", "Read-only file system"],
  ["EPIPE", "Broken pipe"],
  ["ENAMETOOLONG", "File name too long"],
  ["ENOSYS", "Function not implemented"],
  ["ELOOP", "Too many levels of symbolic links"],
  ["EPROTO", "Protocol error"],
  ["ENOTSOCK", "Socket operation on non-socket"],
  ["EDESTADDRREQ", "Destination address required"],
  ["EMSGSIZE", "Message too long"],
  ["EPROTOTYPE", "Protocol wrong type for socket"],
  ["ENOPROTOOPT", "Protocol not available"],
  ["EPROTONOSUPPORT", "Protocol not supported"],
  ["EOPNOTSUPP", "Operation not supported"],
  ["EAFNOSUPPORT", "Address family not supported by protocol"],
  ["EADDRINUSE", "Address already in use"],
  ["EADDRNOTAVAIL", "Cannot assign requested address"],
  ["ENETDOWN", "Network is down"],
  ["ENETUNREACH", "Network is unreachable"],
  ["ECONNABORTED", "Software caused connection abort"],
  ["ECONNRESET", "Connection reset by peer"],
  ["ENOBUFS", "No buffer space available"],
  ["EISCONN", "Transport endpoint is already connected"],
  ["ENOTCONN", "Transport endpoint is not connected"],
  ["ESHUTDOWN", "Cannot send after transport endpoint shutdown"],
  ["ETIMEDOUT", "Connection timed out"],
  ["ECONNREFUSED", "Connection refused"],
  ["EHOSTDOWN", "Host is down"],
  ["EHOSTUNREACH", "No route to host"],
  ["EALREADY", "Operation already in progress"],
  ["EINPROGRESS", "Operation now in progress"],
  ["ECANCELED", "Operation canceled"],
])

/**
 * An error of the system in the form of nginx's log: `111: Connection refused`, the number as this system counts.
 * For an error that is not the system's (TLS, name resolution, a stream's own), its message.
 */
export function errnoText(error: NodeJS.ErrnoException): string {
  const code = error.code
  if (code === undefined) return error.message
  const number = errnoNumber(code, error.errno)
  return number === 0 ? error.message : `${number}: ${systemMessage(code, number)}`
}

/** The positive number of a system error, from its name (`ECONNREFUSED`) or Node's `errno`; 0 where it is none. */
function errnoNumber(code: string, errno: number | undefined): number {
  // Node's errno is negative; where the system has no such error it is made up (libuv's UV_EAI_*, UV_EOF: below -3000).
  if (typeof errno === "number" && errno < 0 && errno > -3000) return -errno
  const numbers: Readonly<Record<string, number>> = constants.errno
  return Object.hasOwn(numbers, code) ? numbers[code] : 0
}

function systemMessage(code: string, number: number): string {
  const known = STRERROR.get(code)
  if (known !== undefined) return known
  const entry = getSystemErrorMap().get(-number)
  const message = entry === undefined ? "Unknown error" : entry[1]
  return message.charAt(0).toUpperCase() + message.slice(1)
}
