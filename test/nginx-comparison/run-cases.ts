import { issueCertificate, testAuthority } from "../support/certificates.ts"
import { type Edge, type EdgeProgram, startEdge } from "../support/edge.ts"
import { freePort, freePorts } from "../support/ports.ts"
import { type RawBackend, startRawBackend } from "../support/raw-backend.ts"
import { makeTempFolder } from "../support/temp.ts"
import type { ComparisonCase, Outcome } from "./case.ts"
import { Wire } from "./client-script.ts"
import { describeLog, describeReceived, Names } from "./normalise.ts"

/** A case's outcome on one edge and the statuses that its client saw, or why there is none. */
export interface CaseResult {
  readonly outcome: Outcome | undefined
  readonly statuses: readonly number[]
  readonly failure: string | undefined
}

/** A case with its backends running and its names chosen, for one edge. */
interface PreparedCase {
  readonly case: ComparisonCase
  readonly id: string
  readonly names: Names
  readonly backends: ReadonlyMap<string, RawBackend>
  readonly wire: Wire
  failure: string | undefined
}

const CONCURRENT_CASES = 8

/** What became of a table on one edge. */
export interface TableResult {
  readonly cases: readonly CaseResult[]
  /** What was wrong at the edge's end, such as that it did not come. */
  readonly endFailures: readonly string[]
}

/**
 * Runs all cases on one edge with a server block for each. When the edge refuses the whole, each half is
 * tried, so that one case that it cannot run does not hide the others.
 */
export async function runCases(program: EdgeProgram, cases: readonly ComparisonCase[]): Promise<TableResult> {
  const together = await tryRun(program, cases)
  if (typeof together !== "string") return together
  if (cases.length <= 1) {
    return {
      cases: cases.map(() => ({ outcome: undefined, statuses: [], failure: together })),
      endFailures: [],
    }
  }
  const middle = cases.length >> 1
  const first = await runCases(program, cases.slice(0, middle))
  const second = await runCases(program, cases.slice(middle))
  return {
    cases: [...first.cases, ...second.cases],
    endFailures: [...first.endFailures, ...second.endFailures],
  }
}

/** Returns the edge's message when it does not start. */
async function tryRun(program: EdgeProgram, cases: readonly ComparisonCase[]): Promise<TableResult | string> {
  const prefix = makeTempFolder(program.name)
  const prepared: PreparedCase[] = []
  const endFailures: string[] = []
  try {
    for (const [index, one] of cases.entries()) prepared.push(await prepareCase(one, `c${index}`, prefix))
    const edge = await startOrMessage(program, prepared, prefix)
    if (typeof edge === "string") return edge
    await runConcurrently(prepared)
    // Gracefully, so that all that the clients were answered is in the logs.
    await edge.stop("SIGQUIT").catch((error: Error) => endFailures.push(error.message))
    return { cases: prepared.map((one) => collect(one, edge)), endFailures }
  } finally {
    for (const one of prepared) for (const backend of one.backends.values()) await backend.close()
  }
}

async function startOrMessage(
  program: EdgeProgram,
  prepared: readonly PreparedCase[],
  prefix: string,
): Promise<Edge | string> {
  const files: Record<string, string> = {}
  for (const one of prepared) {
    for (const [path, text] of Object.entries(one.case.files ?? {})) files[one.names.expand(path)] = text
  }
  const config = `events {\n}\nhttp {\n${prepared.map(configOf).join("\n")}\n}\n`
  try {
    return await startEdge(program, config, { prefix, files })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function configOf({ case: one, names }: PreparedCase): string {
  const own = `server {\nlisten {listen};\n${one.server ?? ""}\n}`
  return names.expand(`# ${one.name.replaceAll(/[{}]/g, "")}\n${one.http ?? ""}\n${one.servers ?? own}`)
}

async function prepareCase(one: ComparisonCase, id: string, prefix: string): Promise<PreparedCase> {
  const values = new Map<string, string>([["id", id]])
  const portNames = new Map<string, string>()
  const texts = [one.http, one.server, one.servers].join("\n")
  const count = Math.max(
    1,
    ...[...texts.matchAll(/\{(?:listen|port)(\d)\}/g)].map((match) => Number(match[1])),
  )
  const ports = await freePorts(count)
  for (const [index, port] of ports.entries()) {
    const suffix = index === 0 ? "" : String(index + 1)
    values.set(`port${suffix}`, String(port)).set(`listen${suffix}`, `127.0.0.1:${port}`)
    portNames.set(String(port), `{port${suffix}}`)
  }
  const dead = String(await freePort())
  values.set("dead", `127.0.0.1:${dead}`)
  portNames.set(dead, "{dead}")
  const backends = await startBackends(one)
  for (const [name, backend] of backends) {
    values.set(name, `127.0.0.1:${backend.port}`).set(`${name}.port`, String(backend.port))
    portNames.set(String(backend.port), `{${name}}`)
  }
  await addCertificates(texts, values)
  const names = new Names(prefix, ports, values, portNames)
  const wire = new Wire(names, (name) => backends.get(name))
  return { case: one, id, names, backends, wire, failure: undefined }
}

async function startBackends(one: ComparisonCase): Promise<Map<string, RawBackend>> {
  const backends = new Map<string, RawBackend>()
  for (const [name, script] of Object.entries(one.backends ?? {})) {
    backends.set(name, await startRawBackend(script))
  }
  for (const [name, { certificate, script, options }] of Object.entries(one.secureBackends ?? {})) {
    const leaf = await issueCertificate([certificate])
    const { own } = await testAuthority()
    const tls = { cert: leaf.certificate, key: leaf.key, ca: own.certificate, ...options }
    backends.set(name, await startRawBackend(script, { tls }))
  }
  return backends
}

async function addCertificates(texts: string, values: Map<string, string>): Promise<void> {
  if (/\{(ca|crt:|key:)/.test(texts)) values.set("ca", (await testAuthority()).own.certificateFile)
  for (const [, what] of texts.matchAll(/\{(?:crt|key):([\w.:*-]+)\}/g)) {
    const name = what ?? ""
    const rsa = name.startsWith("rsa:")
    const leaf = await issueCertificate([rsa ? name.slice(4) : name], rsa ? "rsa" : "ecdsa")
    values.set(`crt:${name}`, leaf.certificateFile).set(`key:${name}`, leaf.keyFile)
  }
}

async function runConcurrently(prepared: readonly PreparedCase[]): Promise<void> {
  const queue = [...prepared]
  const work = async (): Promise<void> => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) await runOne(one)
  }
  await Promise.all(Array.from({ length: CONCURRENT_CASES }, work))
}

async function runOne(one: PreparedCase): Promise<void> {
  const { send } = one.case
  try {
    if (typeof send === "function") await send(one.wire)
    else {
      for (const request of [send].flat()) await one.wire.exchange(request)
      if (one.case.probe !== false && one.wire.statuses.at(-1) !== 0) await one.wire.probe()
    }
  } catch (error) {
    one.failure = error instanceof Error ? (error.stack ?? error.message) : String(error)
  } finally {
    one.wire.close()
  }
}

function collect(one: PreparedCase, edge: Edge): CaseResult {
  const { names, wire, failure } = one
  const backends: Record<string, string | readonly string[]> = {}
  for (const [name, backend] of one.backends) {
    const texts = backend.connections.map(({ received }) => describeReceived(received, names))
    backends[name] = one.case.connections ? texts : describeReceived(backend.received, names)
  }
  const outcome = {
    client: wire.events,
    backends,
    accessLog: describeLog(edge.readFile(`logs/${one.id}.log`), names),
    errorLog: describeLog(edge.readFile(`logs/${one.id}.err`), names),
  }
  return { outcome, statuses: wire.statuses, failure }
}
