/**
 * The one error class of the program. It is thrown while configuring, starting and in command-line tools;
 * the data path returns small integers and statuses instead.
 */

/** Every code that a HoldfastError can carry, and what it means. */
export const ERROR_CODES = {
  SYNTAX: "the text is not nginx's configuration language",
  DIRECTIVE: "a directive is unknown, misplaced, repeated or has the wrong number of arguments",
  UNSUPPORTED: "a directive or parameter that nginx knows and Holdfast does not run",
  VALUE: "an argument of a directive is not valid",
  FILE: "a file that the configuration names cannot be read or used",
  HOST: "a host name that the configuration names cannot be resolved",
  LISTEN: "an address cannot be listened on",
  USAGE: "the command line is not valid",
  PROCESS: "the operating system refused something that the process needs",
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/**
 * Where in a configuration file something stands. Lines and columns count from 1; a column counts bytes.
 * Line 0: the command line (`-g`), which has no lines.
 */
export interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** An error for people to read: `message` is in nginx's words where nginx has words for it. */
export class HoldfastError extends Error {
  readonly code: ErrorCode
  /** Where the error stands; undefined where no line of a file is to blame. */
  readonly position: Position | undefined

  constructor(code: ErrorCode, message: string, position?: Position) {
    super(message)
    this.name = "HoldfastError"
    this.code = code
    this.position = position
  }

  /** The message as nginx prints it: `… in /etc/nginx/nginx.conf:12`. */
  describe(): string {
    if (this.position === undefined) return this.message
    const { file, line } = this.position
    return line === 0 ? `${this.message} in ${file}` : `${this.message} in ${file}:${line}`
  }
}
