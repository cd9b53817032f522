import assert from "node:assert/strict"
import { test } from "node:test"
import type { PeerResult, WorkResult } from "../bench.ts"
import { summarise } from "../statistics.ts"
import { drawFamily } from "./chart.ts"
import { drawCurves, isOfCurves } from "./curves.ts"
import { mergeRuns, type Run, toJson } from "./run.ts"
import { formatRemarks, formatTable, judge, limitedBy } from "./table.ts"

function peer(name: string, values: readonly number[], more: Partial<PeerResult> = {}): PeerResult {
  return { peer: name, isReference: name === "nginx", value: summarise(values), ...more }
}

function work(name: string, peers: readonly PeerResult[], limit?: number): WorkResult {
  return {
    family: "requests",
    work: name,
    measure: "CPU per request",
    unit: "µs",
    limit,
    peers,
    failures: [],
  }
}

function runOf(works: readonly WorkResult[]): Run {
  return {
    date: "2026-11-20T00:00:00.000Z",
    command: "npm run bench",
    machine: {
      cores: 2,
      processor: 'A & B <"C">',
      memoryBytes: 1,
      pageBytes: 4096,
      system: "Debian",
      kernel: "6",
      node: "24",
    },
    versions: { holdfast: "1", nginx: "2" },
    rounds: 3,
    roundMs: 2000,
    loadAverage: [0, 1],
    families: [{ name: "requests", title: "Requests", works }],
  }
}

const GET = work("GET", [peer("holdfast", [24, 20, 22]), peer("nginx", [10, 11, 12])], 2.5)

test("a ratio is that of the medians, and is judged by the limit", () => {
  assert.deepEqual(judge(GET, GET.peers[0]), { ratio: 2, verdict: "pass" })
  assert.equal(judge({ ...GET, limit: 1.9 }, GET.peers[0]).verdict, "over")
  const alone = work("GET", [peer("holdfast", [1])], 2)
  assert.deepEqual(judge(alone, alone.peers[0]), { ratio: undefined, verdict: "unknown" })
})

test("a table has no empty columns, and every line is as wide as the others", () => {
  const lines = formatTable([GET]).split("\n")
  assert.match(lines[0], /work +\| peer +\| CPU per request \| spread/)
  assert.doesNotMatch(lines[0], /per second|load/)
  assert.match(lines[2], /holdfast +\| 22.0 µs +\| 20.0–24.0 \| 2.00 +\| 2.50 +\| pass/)
  assert.equal(new Set(lines.map((line) => line.length)).size, 1)
})

test("where the generator had no more to give, the table says so", () => {
  const busy = { proxy: 0.5, load: 0.99, backend: 0.2 }
  const limited = peer("nginx", [10], { busy })
  assert.equal(limitedBy(limited), "load")
  assert.equal(limitedBy({ ...limited, busy: { ...busy, proxy: 1 } }), undefined)
  assert.match(formatTable([work("GET", [limited])]), /50 \/ 99 \/ 20 % \*/)
  assert.equal(formatRemarks([work("GET", [limited])]).length, 1)
})

test("a chart is well-formed, with a bar a peer, for light and dark", () => {
  const run = runOf([GET, work("memory given back", [peer("holdfast", [-1]), peer("nginx", [2])])])
  const svg = drawFamily(run, run.families[0])
  assert.equal(svg.match(/<rect class="bar/g)?.length, 4)
  assert.match(svg, /prefers-color-scheme: dark/)
  assert.match(svg, /A &amp; B &lt;&quot;C&quot;&gt;/)
  assert.doesNotMatch(svg, /NaN|Infinity|width="-/)
})

/** A point of a curve, at which each peer has its own growth. */
function point(size: number, peers: readonly PeerResult[], limit?: number): WorkResult {
  return { ...work(`GET, ${size} servers`, peers, limit), point: { curve: "GET, over servers", size } }
}

const CURVE = [
  point(20, [peer("holdfast", [20], { growth: 1 }), peer("nginx", [10], { growth: 1 })]),
  point(200, [peer("holdfast", [26], { growth: 1.3 }), peer("nginx", [15], { growth: 1.5 })], 1.2),
  point(2000, [peer("holdfast", [28], { growth: 1.4 }), peer("nginx", [16], { growth: 1.6 })], 1.44),
]

test("a point of a curve is judged by its growth, whatever the ratio; the first one and the others are not", () => {
  assert.deepEqual(
    CURVE.map((result) => judge(result, result.peers[0]).verdict),
    ["unknown", "over", "pass"],
  )
  const lines = formatTable(CURVE).split("\n")
  assert.match(lines[0], /ratio \| growth \| limit \| verdict/)
  assert.match(lines[2], /20 servers +\| holdfast +\| 20.0 µs +\| 2.00 +\| 1.00 +\| +\| +\|/)
  assert.match(lines[4], /200 servers +\| holdfast +\| 26.0 µs +\| 1.73 +\| 1.30 +\| 1.20 +\| over/)
  assert.match(lines[5], /nginx +\| 15.0 µs +\| +\| 1.50 +\| +\| +\|/)
})

test("curves are drawn by a line a peer and one for the limit, in a panel a curve, inside the drawing", () => {
  const run = runOf(CURVE)
  assert.ok(isOfCurves(run.families[0]))
  assert.ok(!isOfCurves(runOf([GET]).families[0]))
  const svg = drawCurves(run, run.families[0])
  assert.equal(svg.match(/<polyline class="curve/g)?.length, 2)
  assert.equal(svg.match(/<polyline class="limit/g)?.length, 1)
  assert.equal(svg.match(/>GET, over servers</g)?.length, 1)
  assert.match(svg, />2,000</)
  assert.match(svg, />holdfast × 1.40</)
  assert.doesNotMatch(svg, /NaN|Infinity|"-\d/)
  const [, own] = /<polyline class="curve own-curve" points="([^"]*)"/.exec(svg) ?? []
  const places = own.split(" ").map((place) => place.split(",").map(Number))
  assert.equal(places.length, 3)
  // The sizes are ten times one another: as far apart on a logarithmic axis.
  assert.ok(Math.abs(places[1][0] - places[0][0] - (places[2][0] - places[1][0])) < 0.2)
})

test("a curve of one point, or of a peer that did not come to its end, can be drawn", () => {
  const run = runOf([CURVE[0], { ...CURVE[1], peers: [CURVE[1].peers[1]] }])
  assert.doesNotMatch(drawCurves(run, run.families[0]), /NaN|Infinity/)
  assert.doesNotMatch(drawCurves(runOf([CURVE[0]]), runOf([CURVE[0]]).families[0]), /NaN|Infinity/)
})

test("runs are put together by the names of the work, and survive JSON", () => {
  const later = runOf([work("GET", [peer("nginx", [7])]), work("POST", [peer("nginx", [8])])])
  const first = JSON.parse(toJson(runOf([GET]))) as Run
  const [family] = mergeRuns([first, later]).families
  assert.deepEqual(
    family.works.map(({ work: name, peers }) => [name, peers[0].value.median]),
    [
      ["GET", 7],
      ["POST", 8],
    ],
  )
})
