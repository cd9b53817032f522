/** What happens, for the views. */
import type { SessionEnd, SessionInfo } from "./session.ts"

export type ConnectEvent =
  | { readonly event: "open"; readonly url: string; readonly info: SessionInfo }
  | { readonly event: "message"; readonly data: Buffer; readonly isBinary: boolean }
  | { readonly event: "sent"; readonly data: Buffer; readonly isBinary: boolean }
  | { readonly event: "ping"; readonly payload: Buffer }
  | { readonly event: "pong"; readonly payload: Buffer; readonly roundTripMs: number | undefined }
  | {
      readonly event: "close"
      readonly end: SessionEnd
      /** What may have cut it. */
      readonly explanation: string | undefined
    }
  | {
      readonly event: "error"
      readonly stage: string
      readonly status: number | undefined
      readonly message: string
      readonly details: readonly string[]
    }
  | { readonly event: "retry"; readonly attempt: number; readonly inMs: number }
  /** Something to know that is no event of the connection. */
  | { readonly event: "notice"; readonly text: string }

/** Shows an event, at once. */
export type View = (event: ConnectEvent) => void

/** Where a view writes. */
export interface Writer {
  readonly write: (text: string | Buffer) => void
}
