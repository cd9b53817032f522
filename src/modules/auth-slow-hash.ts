/**
 * Passwords whose hashes are slow to make: DES, `$5$`, `$6$` (SHA-crypt), `$2a$`, `$2b$`, `$2y$` (bcrypt). One at a
 * time, in pieces, so that connections are served between them. Libraries are loaded when the first user needs them.
 */
import { setImmediate as nextTurn } from "node:timers/promises"
import { equalHashes, ShaCryptWork } from "./auth-crypt.ts"

/** Rounds of SHA-crypt between two looks at the connections: some milliseconds. */
const ROUNDS_PER_TURN = 2000
/** Questions that wait at most; each is one user's password. */
const MAX_WAITING = 512

/** Who waits for a password to be checked. */
export interface PasswordWaiter {
  /** Called once, unless `cancel` came before. */
  onChecked(isRight: boolean): void
}

/** One password to be checked with one hash, for all who ask for the same. */
class Question {
  readonly id: string
  readonly key: Buffer
  readonly stored: string
  readonly waiters = new Set<PasswordWaiter>()

  constructor(id: string, key: Buffer, stored: string) {
    this.id = id
    this.key = key
    this.stored = stored
  }
}

export class SlowHashes {
  readonly #questions = new Map<string, Question>()
  readonly #onAnswer: (id: string, isRight: boolean) => void
  #isRunning = false

  /** `onAnswer` hears of each question that was answered, before those who wait for it. */
  constructor(onAnswer: (id: string, isRight: boolean) => void) {
    this.#onAnswer = onAnswer
  }

  /**
   * Has `key` (a password's bytes) checked with `stored`; `id` is equal for equal ones. Returns false where too many
   * wait already: nobody is called then.
   */
  ask(id: string, key: Buffer, stored: string, waiter: PasswordWaiter): boolean {
    let question = this.#questions.get(id)
    if (question === undefined) {
      if (this.#questions.size >= MAX_WAITING) return false
      question = new Question(id, key, stored)
      this.#questions.set(id, question)
    }
    question.waiters.add(waiter)
    if (!this.#isRunning) void this.#run()
    return true
  }

  /** The waiter has gone. A question that nobody waits for is dropped, half answered or not. */
  cancel(id: string, waiter: PasswordWaiter): void {
    const question = this.#questions.get(id)
    question?.waiters.delete(waiter)
    if (question?.waiters.size === 0) this.#questions.delete(id)
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    for (;;) {
      // Those who ask are not to be called before they know that they wait.
      await nextTurn()
      const [question] = this.#questions.values()
      if (question === undefined) break
      const isRight = await this.#answer(question)
      if (isRight === undefined) continue
      this.#questions.delete(question.id)
      this.#onAnswer(question.id, isRight)
      for (const waiter of question.waiters) waiter.onChecked(isRight)
    }
    this.#isRunning = false
  }

  /** Undefined where nobody waits for it any more. */
  async #answer(question: Question): Promise<boolean | undefined> {
    const { key, stored } = question
    if (stored.startsWith("$2")) return isBcrypt(key, stored)
    if (!stored.startsWith("$")) return isDesCrypt(key, stored)
    const work = new ShaCryptWork(key, stored)
    while (!work.step(ROUNDS_PER_TURN)) {
      await nextTurn()
      if (this.#questions.get(question.id) !== question) return undefined
    }
    return equalHashes(work.result(), stored)
  }
}

/** False for a hash that is none, as with crypt(3). */
async function isBcrypt(key: Buffer, stored: string): Promise<boolean> {
  const password = key.toString("utf8")
  // The library takes text, and hashes its UTF-8. Bytes that are no UTF-8 cannot be given to it.
  if (!Buffer.from(password, "utf8").equals(key)) return false
  const { compare } = await import("bcryptjs")
  try {
    return await compare(password, stored)
  } catch {
    return false
  }
}

async function isDesCrypt(key: Buffer, stored: string): Promise<boolean> {
  const { default: unixCrypt } = await import("unix-crypt-td-js")
  return equalHashes(unixCrypt([...key], stored.slice(0, 2)), stored)
}
