/** Where a running program can be asked: for itself and for those who ask. */

/** Behind the paths of a program that another is to replace. */
export const OLD_PROGRAM = ".oldbin"

/** Where the status socket is, unless the configuration says it: beside the pid file. */
export function statusPathOf(pidPath: string): string {
  const moved = pidPath.endsWith(OLD_PROGRAM) ? OLD_PROGRAM : ""
  const path = pidPath.slice(0, pidPath.length - moved.length)
  return `${path.endsWith(".pid") ? path.slice(0, -".pid".length) : path}.sock${moved}`
}
