/** Lines that are typed, as actions: a mistake is said and typed again. */
import { HoldfastError } from "../base/error.ts"
import { type Action, type ActionOptions, actionOf } from "./actions.ts"

/** What is kept for a connection that is not there. */
export const MAX_KEPT_LINES = 1000

export class PromptInput {
  readonly #options: ActionOptions
  readonly #say: (text: string) => void
  readonly #isConnected: () => boolean
  readonly #actions: Action[] = []
  #isEnded = false
  #wake: () => void = () => {}

  constructor(options: ActionOptions, isConnected: () => boolean, say: (text: string) => void) {
    this.#options = options
    this.#isConnected = isConnected
    this.#say = say
  }

  take(line: string): void {
    if (line === "") return
    const action = this.#parse(line)
    if (action === undefined) return
    if (!this.#isConnected() && action.kind !== "help") {
      if (this.#actions.length >= MAX_KEPT_LINES)
        return this.#say("not connected: this line is not kept, there are too many")
      this.#say("not connected: kept until it is")
    }
    this.#actions.push(action)
    this.#wake()
  }

  end(): void {
    this.#isEnded = true
    this.#wake()
  }

  async *actions(): AsyncGenerator<Action> {
    for (;;) {
      const action = this.#actions.shift()
      if (action !== undefined) yield action
      else if (this.#isEnded) return
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
    }
  }

  #parse(line: string): Action | undefined {
    try {
      return actionOf(Buffer.from(line, "utf8"), this.#options)
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      this.#say(error.message)
      return undefined
    }
  }
}
