import { type Owner, placeOf, systemCallOf } from "./places.ts"
import { type Frame, isInKernel, type Sample } from "./samples.ts"

/** A part of the cost of one unit of work, microseconds. */
export interface Part {
  readonly name: string
  readonly micros: number
}

/** Where the CPU time of one unit of work goes. */
export interface Breakdown {
  /** CPU time of the whole program, microseconds; that of the owners adds up to it. */
  readonly total: number
  readonly samples: number
  readonly owners: Readonly<Record<Owner, { readonly micros: number; readonly parts: readonly Part[] }>>
  /** The functions in which the worker was most often, with what V8's builtins and the kernel's depths did in them. */
  readonly functions: readonly Part[]
}

const FUNCTIONS = 15

/** Divides `total`, the cost of a unit of work in microseconds, as `samples` of the program's CPU time are divided. */
export function breakDown(samples: readonly Sample[], total: number): Breakdown {
  const micros = total / Math.max(1, samples.length)
  const parts: Record<Owner, Map<string, number>> = {
    kernel: new Map(),
    native: new Map(),
    node: new Map(),
    own: new Map(),
    collector: new Map(),
    others: new Map(),
  }
  const functions = new Map<string, number>()
  for (const sample of samples) {
    const { owner, name } = placeOf(sample)
    add(parts[owner], name, micros)
    if (owner !== "others")
      add(functions, owner === "kernel" ? `${name} (kernel)` : nameTop(sample.frames), micros)
  }
  const sums = Object.entries(parts).map(([owner, sum]) => [
    owner,
    { micros: [...sum.values()].reduce((all, part) => all + part, 0), parts: sorted(sum) },
  ])
  return {
    total,
    samples: samples.length,
    owners: Object.fromEntries(sums),
    functions: sorted(functions).slice(0, FUNCTIONS),
  }
}

/** Of `total`, the cost of a unit of work in microseconds, the part in the kernel, by system call; of any program. */
export function sumSystemCalls(samples: readonly Sample[], total: number): Part[] {
  const sums = new Map<string, number>()
  for (const sample of samples)
    if (isInKernel(sample)) add(sums, systemCallOf(sample.frames), total / samples.length)
  return sorted(sums)
}

function add(sums: Map<string, number>, name: string, micros: number): void {
  sums.set(name, (sums.get(name) ?? 0) + micros)
}

function sorted(sums: Map<string, number>): Part[] {
  return [...sums].map(([name, micros]) => ({ name, micros })).toSorted((a, b) => b.micros - a.micros)
}

/** The innermost function but for builtins, with its source where it has one, without the folders above src/. */
function nameTop(frames: readonly Frame[]): string {
  const frame = frames.find(({ name }) => !name.startsWith("Builtins_")) ?? frames[0]
  if (frame === undefined) return "(unknown)"
  if (frame.source === undefined) return frame.name
  return `${frame.name} ${frame.source.replace(/^.*\/(?=(?:src|dist|node_modules)\/)/, "")}`
}
