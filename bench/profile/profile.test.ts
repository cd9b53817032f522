import assert from "node:assert/strict"
import { test } from "node:test"
import { breakDown, sumSystemCalls } from "./breakdown.ts"
import { toCpuProfile } from "./flame.ts"
import { growthPerUnit, sumByKind } from "./heap-snapshot.ts"
import { placeOf } from "./places.ts"
import { readSamples } from "./samples.ts"

const NODE = "/usr/bin/node"
const MAP = "/tmp/perf-1.map"

function sample(thread: string, ...frames: readonly (readonly [symbol: string, file: string])[]): string {
  return [`${thread} 12 `, ...frames.map(([symbol, file]) => `\t    7fba02 ${symbol} (${file})`), ""].join(
    "\n",
  )
}

const ROOT = ["uv_run", NODE] as const
const KERNEL = "[kernel.kallsyms]"

// As perf printed them, shortened.
const RECORDED = [
  sample(
    "WorkerThread",
    ["_raw_spin_unlock_irq", KERNEL],
    ["tcp_sendmsg", KERNEL],
    ["vfs_write", KERNEL],
    ["ksys_write", KERNEL],
    ["do_syscall_64", KERNEL],
    ["entry_SYSCALL_64_after_hwframe", KERNEL],
    ["__GI___libc_write", "/usr/lib/libc.so.6"],
    ["node::StreamBase::WriteBuffer", NODE],
    ["JS:*write file:///holdfast/src/tunnel/tunnel.ts:74:14", MAP],
    ROOT,
  ),
  sample(
    "WorkerThread",
    ["Builtins_CreateTypedArray", NODE],
    ["JS:*'addChunk node:internal/streams/readable:557:18", MAP],
    ROOT,
  ),
  sample("WorkerThread", ["JS:* file:///holdfast/src/tunnel/tunnel.ts:108:23", MAP], ROOT),
  sample("WorkerThread", ["JS:^get path file:///holdfast/src/http/target.ts:8:3", MAP], ROOT),
  sample(
    "WorkerThread",
    ["_int_malloc", "/usr/lib/libc.so.6"],
    ["node::StreamBase::WriteBuffer", NODE],
    ROOT,
  ),
  sample("WorkerThread", ["aes_gcm_enc_update_vaes_avx512", NODE], ["EVP_EncryptUpdate", NODE], ROOT),
  sample(
    "WorkerThread",
    ["v8::internal::Scavenger::ScavengeObject<v8::internal::FullHeapObjectSlot>", NODE],
    ["v8::internal::Heap::CollectGarbage", NODE],
    ["JS:*parse file:///holdfast/src/http/head.ts:8:3", MAP],
  ),
  sample("V8Worker", ["v8::internal::ConcurrentMarking::RunMajor", NODE]),
].join("\n")

test("a stack is read with thread, functions and sources", () => {
  const samples = readSamples(RECORDED)
  assert.equal(samples.length, 8)
  assert.equal(samples[0].thread, "WorkerThread")
  assert.deepEqual(samples[0].frames[0], { name: "_raw_spin_unlock_irq", file: "", source: undefined })
  assert.deepEqual(samples[1].frames[1], {
    name: "addChunk",
    file: MAP,
    source: "node:internal/streams/readable:557",
  })
  assert.equal(samples[2].frames[0].name, "(no name)")
  assert.equal(samples[3].frames[0].name, "get path")
})

test("each sample has one owner", () => {
  assert.deepEqual(
    readSamples(RECORDED).map((sample) => Object.values(placeOf(sample)).join(": ")),
    [
      "kernel: write",
      "node: streams",
      "own: tunnel/",
      "own: http/",
      "native: Node's C++",
      "native: OpenSSL",
      "collector: collector",
      "others: V8Worker",
    ],
  )
})

test("the owners' parts add up to the cost of a unit", () => {
  const samples = readSamples(RECORDED)
  const { owners, functions, total } = breakDown(samples, 16)
  const micros = Object.values(owners).map((owner) => owner.micros)
  assert.equal(
    micros.reduce((sum, part) => sum + part, 0),
    total,
  )
  assert.equal(owners.own.micros, 4)
  assert.deepEqual(owners.own.parts, [
    { name: "tunnel/", micros: 2 },
    { name: "http/", micros: 2 },
  ])
  assert.ok(functions.some(({ name }) => name === "(no name) src/tunnel/tunnel.ts:108"))
  assert.deepEqual(sumSystemCalls(samples, 16), [{ name: "write", micros: 2 }])
})

test("stacks become a tree that the tools for CPU profiles read", () => {
  const profile = JSON.parse(toCpuProfile(readSamples(RECORDED), 500))
  assert.equal(profile.samples.length, 8)
  assert.equal(profile.endTime, 4000)
  const top = profile.nodes.find(({ id }: { id: number }) => id === profile.samples.at(-1))
  assert.equal(profile.nodes[0].callFrame.functionName, "(root)")
  assert.equal(top.hitCount, 1)
  const ids = new Set(profile.nodes.flatMap(({ children }: { children: number[] }) => children))
  // Every node but the root is the child of one.
  assert.equal(ids.size, profile.nodes.length - 1)
})

test("sizes on the heap are added up by kind, and growth is told by unit", () => {
  const snapshot = (count: number) => ({
    snapshot: {
      meta: {
        node_fields: ["type", "name", "id", "self_size", "edge_count"],
        node_types: [["object", "closure", "native"]],
      },
    },
    nodes: Array.from({ length: count }, (_, i) => [0, 0, i, 100, 0, 1, 1, i, 56, 0, 2, 2, i, 30, 0]).flat(),
    strings: ["Tunnel", "onEnd", "Node / TCPSocketWrap"],
  })
  const kinds = growthPerUnit(sumByKind(snapshot(1)), sumByKind(snapshot(5)), 2)
  assert.deepEqual(kinds, [
    { name: "Tunnel", bytes: 200, count: 2 },
    { name: "(closure)", bytes: 112, count: 2 },
    { name: "outside: Node / TCPSocketWrap", bytes: 60, count: 2 },
  ])
})
