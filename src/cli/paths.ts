/** The paths of the command line. Configuration text is latin1, paths included. */
import { resolve } from "node:path"
import type { Options } from "./options.ts"

export const DEFAULT_PREFIX = "/var/lib/holdfast/"
export const DEFAULT_FILE = "/etc/nginx/nginx.conf"

/** What the reading of a configuration begins with, as the command line says. */
export interface Invocation {
  readonly file: string
  readonly prefix: string
  /** `-g` */
  readonly parameter: string
  /** `-e`: undefined for the default. */
  readonly errorLogPath: string | undefined
}

/** `-c` is relative to the prefix. */
export function invocationOf(options: Options): Invocation {
  const given = options.prefix === undefined ? DEFAULT_PREFIX : resolve(options.prefix)
  const prefix = given.endsWith("/") ? given : `${given}/`
  const file = resolve(prefix, options.file ?? DEFAULT_FILE)
  return {
    file: toLatin1(file),
    prefix: toLatin1(prefix),
    parameter: toLatin1(options.parameter),
    errorLogPath: options.errorLog === undefined ? undefined : toLatin1(options.errorLog),
  }
}

function toLatin1(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1")
}
