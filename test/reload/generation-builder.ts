/** Builds generations of one configuration in the test's own thread, as a worker does. */
import { Sources } from "../../src/config/sources.ts"
import { CounterTable } from "../../src/observe/counters.ts"
import { checkConfiguration } from "../../src/server/check-configuration.ts"
import { buildGeneration, type Generation } from "../../src/server/generation.ts"
import { read } from "../../src/server/read.ts"
import { Services } from "../../src/server/services.ts"

export class GenerationBuilder {
  readonly services: Services
  readonly #file: string
  readonly #prefix: string
  readonly #memory = new Map<string, SharedArrayBuffer>()

  constructor(file: string, prefix: string) {
    this.#file = file
    this.#prefix = prefix
    this.services = new Services({
      workerIndex: 0,
      counters: new CounterTable(new SharedArrayBuffer(CounterTable.bytes(1)), 0),
      memory: this.#memory,
      threadId: 1,
      errorLogPath: undefined,
    })
  }

  async build(number: number, previous: Generation | null): Promise<Generation> {
    const { services } = this
    const [file, prefix, memory] = [this.#file, this.#prefix, this.#memory]
    const options = { file, prefix, parameter: "", services, number, memory, onWarning: () => {} }
    const { payload } = await checkConfiguration(options)
    const reading = read({ ...payload, sources: new Sources(payload.record), warn: () => {} })
    return buildGeneration(reading, { number, prefix, services, previous })
  }
}
