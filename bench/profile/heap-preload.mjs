// Preloaded into Holdfast: at SIGPWR its worker writes how large its heap is, at SIGIO what is on it, too.
import { writeFileSync } from "node:fs"
import { getHeapStatistics, writeHeapSnapshot } from "node:v8"
import { BroadcastChannel, isMainThread } from "node:worker_threads"

const channel = new BroadcastChannel("heap")

// Signals come to the main thread only.
if (isMainThread) {
  process.on("SIGPWR", () => channel.postMessage("statistics"))
  process.on("SIGIO", () => channel.postMessage("snapshot"))
} else {
  let count = 0
  channel.onmessage = ({ data }) => {
    const file = `${process.env.HOLDFAST_HEAP_FOLDER}/${data}-${++count}`
    if (data === "snapshot") writeHeapSnapshot(`${file}.heapsnapshot`)
    writeFileSync(`${file}.json`, JSON.stringify(getHeapStatistics()))
  }
}
channel.unref()
