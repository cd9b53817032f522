/** Builds one configuration five times, each beside the one before, and prints which of them are still in memory. */
import { setTimeout as pause } from "node:timers/promises"
import { disposeGeneration, type Generation } from "../../src/server/generation.ts"
import { GenerationBuilder } from "./generation-builder.ts"

const [file = "", prefix = ""] = process.argv.slice(2)
const builder = new GenerationBuilder(file, prefix)

async function nextGeneration(number: number, previous: Generation | null): Promise<Generation> {
  const built = await builder.build(number, previous)
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
