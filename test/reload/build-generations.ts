/** Builds one configuration five times, each beside the one before, and prints which of them are still in memory. */
import { setTimeout as pause } from "node:timers/promises"
import { Sources } from "../../src/config/sources.ts"
import { CounterTable } from "../../src/observe/counters.ts"
import { checkConfiguration } from "../../src/server/check-configuration.ts"
import { buildGeneration, disposeGeneration, type Generation } from "../../src/server/generation.ts"
import { read } from "../../src/server/read.ts"
import { Services } from "../../src/server/services.ts"

const [file = "", prefix = ""] = process.argv.slice(2)
const memory = new Map<string, SharedArrayBuffer>()
const services = new Services({
  workerIndex: 0,
  counters: new CounterTable(new SharedArrayBuffer(CounterTable.bytes(1)), 0),
  memory,
  threadId: 1,
  errorLogPath: undefined,
})

async function nextGeneration(number: number, previous: Generation | null): Promise<Generation> {
  const options = { file, prefix, parameter: "", services, number, memory, onWarning: () => {} }
  const { payload } = await checkConfiguration(options)
  const reading = read({ ...payload, sources: new Sources(payload.record), warn: () => {} })
  const built = buildGeneration(reading, { number, prefix, services, previous })
  if (previous !== null) disposeGeneration(previous)
  return built
}

const refs: WeakRef<Generation>[] = []
let current: Generation | null = null
for (let number = 0; number < 5; number++) {
  current = await nextGeneration(number, current)
  refs.push(new WeakRef(current))
  // A WeakRef keeps its target until the current job is over.
  await pause(1)
}
globalThis.gc?.()
await pause(1)
globalThis.gc?.()
console.log(JSON.stringify(refs.map((ref) => ref.deref() !== undefined)))
process.exit()
