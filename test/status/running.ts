/** A running Holdfast that is asked for its status. */
import { connect } from "node:net"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import type { LocationStatus, PeerStatus, Snapshot } from "../../src/observe/snapshot.ts"
import type { Edge } from "../support/edge.ts"
import { type RunResult, runHoldfast } from "../support/holdfast.ts"

const LOOK_EVERY_MS = 20

/** All that a status socket says before it closes; rejects with the system's error. */
export function readSocket(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ""
    const socket = connect(path)
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk
    })
    socket.once("error", reject)
    socket.once("close", () => resolve(text))
  })
}

export function socketOf(edge: Edge): string {
  return join(edge.prefix, "holdfast.sock")
}

export async function snapshotOf(edge: Edge): Promise<Snapshot> {
  return JSON.parse(await readSocket(socketOf(edge))) as Snapshot
}

/** Asks until it is so: nothing tells when a worker has noticed that a connection has ended. */
export async function snapshotWhen(edge: Edge, holds: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
  const deadline = Date.now() + 10_000
  for (;;) {
    const snapshot = await snapshotOf(edge)
    if (holds(snapshot)) return snapshot
    if (Date.now() > deadline) throw new Error(`the status stays ${JSON.stringify(snapshot)}`)
    await pause(LOOK_EVERY_MS)
  }
}

export function locationOf(snapshot: Snapshot, location: string): LocationStatus {
  const found = snapshot.locations.find((one) => one.location === location)
  if (found === undefined) throw new Error(`no "${location}" in ${JSON.stringify(snapshot.locations)}`)
  return found
}

export function peersOf(snapshot: Snapshot, upstream: string): readonly PeerStatus[] {
  return snapshot.upstreams.find(({ name }) => name === upstream)?.peers ?? []
}

/** `holdfast status`, its output as UTF-8. */
export async function runStatus(...args: readonly string[]): Promise<RunResult> {
  const result = await runHoldfast(["status", ...args])
  return { ...result, stdout: Buffer.from(result.stdout, "latin1").toString("utf8") }
}
