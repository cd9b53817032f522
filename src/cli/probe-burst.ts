/** The question before many sockets are opened on a host that is not this one. */
import { createInterface } from "node:readline/promises"
import { HoldfastError } from "../base/error.ts"
import { Deadline } from "../client/deadline.ts"
import { DialError } from "../client/dial-error.ts"
import { addressesOf } from "../client/resolve.ts"
import type { ProbeContext } from "../probe/context.ts"
import { isLoopback } from "../probe/loopback.ts"
import { MAX_UNASKED } from "../probe/steps/burst.ts"

/**
 * Returns `context` with the burst agreed to: by `--yes`, because it stays on this machine, or by whoever sits at the
 * terminal. Throws USAGE otherwise.
 */
export async function agreeToBurst(context: ProbeContext): Promise<ProbeContext> {
  const { plan, endpoint } = context
  if (plan.burst <= MAX_UNASKED || plan.isBurstAgreed || (await staysHere(context))) return context
  const what = `--burst ${plan.burst} on ${endpoint.host}`
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new HoldfastError("USAGE", `${what} needs --yes: nothing was opened`)
  if (!(await ask(`Open ${plan.burst} WebSockets on ${endpoint.host}, ${plan.burstRate} a second? [y/N] `)))
    throw new HoldfastError("USAGE", `${what} was not agreed to: nothing was opened`)
  return { ...context, plan: { ...plan, isBurstAgreed: true } }
}

/** Whether every address of the host is this machine's own. Through a proxy nobody knows. */
async function staysHere({ endpoint, client }: ProbeContext): Promise<boolean> {
  if (client.proxy !== undefined) return false
  try {
    const deadline = new Deadline(client.timeoutMs)
    const found = await addressesOf(endpoint.host, endpoint.port, client.resolve, deadline)
    return found.length > 0 && found.every(({ address }) => isLoopback(address))
  } catch (error) {
    if (error instanceof DialError) return false
    throw error
  }
}

async function ask(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    // Ctrl-C and Ctrl-D are no answer: that is a no.
    const ended = new Promise<undefined>((resolve) => terminal.once("close", () => resolve(undefined)))
    const answer = await Promise.race([terminal.question(question), ended])
    // What is said of it has a line of its own.
    if (answer === undefined) process.stderr.write("\n")
    return /^y(es)?$/i.test((answer ?? "").trim())
  } finally {
    terminal.close()
  }
}
