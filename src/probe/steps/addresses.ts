/** The name's addresses, and a TCP connection to each of them. */
import { Deadline } from "../../client/deadline.ts"
import { dial } from "../../client/dial.ts"
import { DialError } from "../../client/dial-error.ts"
import { formatDuration } from "../../client/duration.ts"
import { hostPort, withScheme } from "../../client/endpoint.ts"
import { type Address, addressesOf } from "../../client/resolve.ts"
import { connectFault, nameFault } from "../connect-text.ts"
import type { ProbeContext } from "../context.ts"
import type { StepResult } from "../report.ts"
import { type Step, step } from "../step.ts"

export interface AddressTried extends Address {
  /** Undefined where it answered. */
  readonly error: DialError | undefined
  readonly connectMs: number
}

export interface AddressesSeen {
  /** Why there are none. */
  readonly error: DialError | undefined
  /** How long the name took. */
  readonly resolveMs: number
  readonly tried: readonly AddressTried[]
}

/** Who asks this machine for an address that it has no way to learns nothing about the server. */
const NO_WAY: ReadonlySet<string> = new Set(["ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT"])

export const addresses: Step = {
  id: "addresses",
  title: "addresses",
  skip: ({ client }) => (client.proxy === undefined ? undefined : "the proxy resolves the name and connects"),
  run: async (context, seen) => {
    const found = await lookUp(context)
    seen.addresses = found
    return describe(found, context)
  },
}

/** This machine has no route of that family: nothing was sent. */
export function isNoWay({ error }: AddressTried): boolean {
  return error !== undefined && NO_WAY.has(error.code)
}

async function lookUp(context: ProbeContext): Promise<AddressesSeen> {
  const { endpoint, client } = context
  const deadline = new Deadline(client.timeoutMs)
  try {
    const found = await addressesOf(endpoint.host, endpoint.port, client.resolve, deadline)
    const resolveMs = deadline.elapsedMs
    const tried = await Promise.all(found.map((address) => tryOne(context, address)))
    return { error: undefined, resolveMs, tried }
  } catch (error) {
    if (error instanceof DialError) return { error, resolveMs: deadline.elapsedMs, tried: [] }
    throw error
  }
}

async function tryOne(context: ProbeContext, address: Address): Promise<AddressTried> {
  const plain = withScheme(context.endpoint, false, context.endpoint.port)
  try {
    const deadline = new Deadline(context.client.timeoutMs)
    const connection = await dial(plain, { ...context.dialOptions, deadline, address: address.address })
    connection.socket.on("error", () => {}).destroy()
    return { ...address, error: undefined, connectMs: connection.connectMs }
  } catch (error) {
    if (error instanceof DialError) return { ...address, error, connectMs: error.elapsedMs }
    throw error
  }
}

function describe({ error, resolveMs, tried }: AddressesSeen, { endpoint }: ProbeContext): StepResult {
  if (error !== undefined) return step("failed", `${endpoint.host}: ${nameFault(error)}`)
  const lines = tried.map((one) => describeOne(one, endpoint.port))
  const alive = tried.filter((one) => one.error === undefined).length
  const dead = tried.filter((one) => one.error !== undefined && !isNoWay(one)).length
  const outcome = alive === 0 ? "failed" : dead > 0 ? "warning" : "ok"
  const name = `the name took ${formatDuration(resolveMs)}`
  if (lines.length === 1) return step(outcome, lines[0] ?? "", [name])
  return step(outcome, `${alive} of ${lines.length} addresses answer`, [...lines, name])
}

function describeOne({ address, error, connectMs }: AddressTried, port: number): string {
  const place = hostPort(address, port)
  if (error === undefined) return `${place} in ${formatDuration(connectMs)}`
  return error.code === "TIMEOUT" ? `${place}: ${error.message}` : `${place} ${connectFault(error)}`
}
