import type { Bench, Family, WorkResult } from "../bench.ts"
import { type CpuWork, measureCpu } from "../measure.ts"

/** A family of which all kinds of work are measured by CPU time per unit. */
export function cpuFamily(name: string, title: string, works: (bench: Bench) => readonly CpuWork[]): Family {
  return {
    name,
    title,
    async measure(bench) {
      const results: WorkResult[] = []
      for (const work of works(bench))
        if (bench.wants(`${name} ${work.name}`)) results.push(await measureCpu(bench, name, work))
      return results
    },
  }
}

/** One kind of work without and with TLS on the client's side. */
export function plainAndTls(make: (tls: boolean, suffix: string) => CpuWork): CpuWork[] {
  return [make(false, ""), make(true, ", TLS")]
}
