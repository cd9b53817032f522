import type { UpstreamOwner } from "./connection.ts"

/** An owner that can end its own work when its code throws. */
export interface FailableOwner extends UpstreamOwner {
  /** Our own code threw: what it worked for ends, nothing else does. */
  onUnhandled(error: unknown): void
}

/** Stands between a connection and its owner: an error in the owner's code costs its request, never the worker. */
export class GuardedOwner implements UpstreamOwner {
  readonly #owner: FailableOwner

  constructor(owner: FailableOwner) {
    this.#owner = owner
  }

  onUpstreamConnect(): void {
    try {
      this.#owner.onUpstreamConnect()
    } catch (error) {
      this.#owner.onUnhandled(error)
    }
  }

  onUpstreamData(chunk: Buffer): void {
    try {
      this.#owner.onUpstreamData(chunk)
    } catch (error) {
      this.#owner.onUnhandled(error)
    }
  }

  onUpstreamEnd(): void {
    try {
      this.#owner.onUpstreamEnd()
    } catch (error) {
      this.#owner.onUnhandled(error)
    }
  }

  onUpstreamDrain(): void {
    try {
      this.#owner.onUpstreamDrain()
    } catch (error) {
      this.#owner.onUnhandled(error)
    }
  }

  onUpstreamError(failure: NodeJS.ErrnoException): void {
    try {
      this.#owner.onUpstreamError(failure)
    } catch (error) {
      this.#owner.onUnhandled(error)
    }
  }

  onUpstreamClose(): void {
    try {
      this.#owner.onUpstreamClose()
    } catch (error) {
      this.#owner.onUnhandled(error)
    }
  }
}
