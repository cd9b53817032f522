/** Where the way to a server ended. */
export type DialStage = "resolve" | "connect" | "proxy" | "tls"

export interface DialErrorOptions {
  readonly code: string
  readonly address?: string | undefined
  readonly elapsedMs: number
  readonly cause?: unknown
}

export class DialError extends Error {
  readonly stage: DialStage
  /** An errno (`ECONNREFUSED`), a code of OpenSSL or Node, `TIMEOUT`, `CLOSED`, or of a proxy `STATUS_407`. */
  readonly code: string
  /** The address that was tried, where one was. */
  readonly address: string | undefined
  readonly elapsedMs: number

  constructor(stage: DialStage, message: string, options: DialErrorOptions) {
    super(message, { cause: options.cause })
    this.name = "DialError"
    this.stage = stage
    this.code = options.code
    this.address = options.address
    this.elapsedMs = options.elapsedMs
  }
}

/** An error of the system or of OpenSSL, as what `stage` ended with. */
export function dialErrorOf(
  stage: DialStage,
  error: unknown,
  elapsedMs: number,
  address?: string,
): DialError {
  if (error instanceof DialError) return error
  const cause = firstOf(error) as NodeJS.ErrnoException & { address?: string }
  return new DialError(stage, cause.message, {
    code: cause.code ?? "UNKNOWN",
    address: address ?? cause.address,
    elapsedMs,
    cause,
  })
}

/** Node tries several addresses and gives the errors of all of them. */
function firstOf(error: unknown): Error {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors[0] as Error
  return error instanceof Error ? error : new Error(String(error))
}
