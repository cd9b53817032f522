import { parseArgs } from "node:util"
import { PEERS } from "./peers/index.ts"
import type { Peer } from "./peers/peer.ts"

export const USAGE = `usage: npm run bench -- [quick | frames] [options]

  (nothing)       all families of work, all peers
  quick           Holdfast beside nginx, against limits; about a minute
  frames          what following the frames of a WebSocket costs over relaying its bytes

  --quick         one short round of everything: a look, no figures
  --only TEXT     only the kinds of work whose family or name has this text; may be repeated
  --peers LIST    what is measured (${PEERS.map(({ name }) => name).join(",")})
  --rounds N      how many rounds count, for each peer and kind of work (3)
  --seconds N     how long a round lasts (2)
  --workers LIST  numbers of workers (1,2); the families but "workers" have one
  --json FILE     writes the results as JSON; without a file, or -, to standard output in place of the tables
  --charts DIR    writes one SVG for each family
  --write-readme  writes the figures into bench/README.md and the charts into bench/charts
  --from FILES    measures nothing: takes results that --json wrote; of several files the later count
`

export interface Options {
  readonly suite: "all" | "quick" | "frames"
  readonly isQuick: boolean
  readonly only: readonly string[]
  readonly peers: readonly Peer[]
  readonly rounds: number
  readonly roundMs: number
  readonly workers: readonly number[]
  readonly json: string | undefined
  readonly charts: string | undefined
  readonly writesReadme: boolean
  readonly from: readonly string[]
}

/** Reads the command line; throws an Error that says what is not understood. */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: nameStandardOutput(args),
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      peers: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      workers: { type: "string", default: "1,2" },
      json: { type: "string" },
      charts: { type: "string" },
      "write-readme": { type: "boolean", default: false },
      from: { type: "string", default: "" },
    },
  })
  const suite = positionals[0] ?? "all"
  if (positionals.length > 1 || (suite !== "all" && suite !== "quick" && suite !== "frames"))
    throw new Error(`unknown: ${positionals.join(" ")}`)
  const isQuick = values.quick
  const rounds = Number(values.rounds ?? (isQuick ? 1 : 3))
  const seconds = Number(values.seconds ?? (isQuick ? 0.2 : 2))
  const workers = list(values.workers).map(Number)
  if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= 100)) throw new Error("--rounds: 1 to 100")
  if (!(seconds > 0 && seconds <= 60)) throw new Error("--seconds: up to 60")
  if (!workers.every((count) => Number.isInteger(count) && count >= 1 && count <= 64))
    throw new Error("--workers: numbers from 1 to 64")
  return {
    suite,
    isQuick,
    only: values.only,
    peers: choosePeers(values.peers ?? (suite === "quick" ? "holdfast,nginx" : undefined)),
    rounds,
    roundMs: seconds * 1000,
    workers,
    json: values.json,
    charts: values.charts,
    writesReadme: values["write-readme"],
    from: list(values.from),
  }
}

/** `--json` may stand without a file. */
function nameStandardOutput(args: readonly string[]): string[] {
  return args.flatMap((arg, index) => {
    const next = args[index + 1]
    const isAlone = arg === "--json" && (next === undefined || next.startsWith("--"))
    return isAlone ? ["--json=-"] : [arg]
  })
}

function list(text: string): string[] {
  return text.split(",").filter((part) => part !== "")
}

function choosePeers(names: string | undefined): readonly Peer[] {
  if (names === undefined) return PEERS
  return list(names).map((wanted) => {
    const peer = PEERS.find(({ name }) => name === wanted)
    if (peer === undefined) throw new Error(`unknown peer: ${wanted}`)
    return peer
  })
}
