// Short rounds, many of them: the best says what the code can do, the median what it does among others.
const ROUNDS = 15
const ROUND_NS = 40_000_000
const BRIEF_ROUNDS = 2
const BRIEF_ROUND_NS = 3_000_000
/** Calls between two turns of the event loop, as on a busy worker. */
const CALLS_A_TURN = 16

/** Times what is called over and over. `--brief` on the command line: so briefly that only errors show. */
export class Meter {
  readonly #rounds: number
  readonly #roundNs: number

  constructor(isBrief: boolean = process.argv.includes("--brief")) {
    this.#rounds = isBrief ? BRIEF_ROUNDS : ROUNDS
    this.#roundNs = isBrief ? BRIEF_ROUND_NS : ROUND_NS
  }

  /** Prints the nanoseconds of one unit, of which each call of `run` does `units`. */
  measure(label: string, run: () => void, units: number = 1): void {
    const calls = this.#calibrate(run)
    const rounds: number[] = []
    for (let round = 0; round < this.#rounds; round++) rounds.push(time(run, calls) / (calls * units))
    print(label, rounds)
  }

  /** As `measure`, with a turn of the event loop after every few calls, for what leaves work to it. */
  async measureInTurns(label: string, run: () => void): Promise<void> {
    time(run, CALLS_A_TURN)
    const rounds: number[] = []
    for (let round = 0; round < this.#rounds; round++) {
      let nanoseconds = 0
      let calls = 0
      for (; nanoseconds < this.#roundNs; calls += CALLS_A_TURN) {
        nanoseconds += time(run, CALLS_A_TURN)
        await new Promise(setImmediate)
      }
      rounds.push(nanoseconds / calls)
    }
    print(label, rounds)
  }

  /** How many calls fill a round: measured after as long a time of warming up. */
  #calibrate(run: () => void): number {
    let calls = 1
    for (let total = 0; total < this.#roundNs; calls *= 2) total += time(run, calls)
    for (; ; calls *= 2) {
      const nanoseconds = time(run, calls)
      if (nanoseconds >= this.#roundNs / 2)
        return Math.max(1, Math.ceil((calls * this.#roundNs) / nanoseconds))
    }
  }
}

function time(run: () => void, calls: number): number {
  const begin = process.hrtime.bigint()
  for (let i = 0; i < calls; i++) run()
  return Number(process.hrtime.bigint() - begin)
}

function print(label: string, rounds: number[]): void {
  rounds.sort((a, b) => a - b)
  const best = rounds[0].toFixed(1).padStart(9)
  const median = rounds[rounds.length >> 1].toFixed(1).padStart(9)
  console.log(`${label.padEnd(56)} ${best} ns best ${median} ns median`)
}
