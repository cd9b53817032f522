/** A snapshot for tests, with something of everything. */
import type { PeerStatus, Snapshot } from "../observe/snapshot.ts"
import { FAILURE_CAUSES } from "../runtime/module.ts"

const AT = "2026-03-01T12:00:00.000Z"

const PEER: PeerStatus = {
  address: "10.0.0.1:3000",
  state: "up",
  workers: [2, 2],
  backup: false,
  weight: 1,
  maxConns: 0,
  connections: 118,
  tunnels: 118,
  fails: 0,
  single: false,
  lastFailureAt: null,
}

/** `long`: in place of each text that may be of any length. */
export function exampleSnapshot(long = "example"): Snapshot {
  return {
    format: 1,
    version: "0.1.0",
    pid: 4711,
    state: "running",
    replaces: null,
    replacedBy: null,
    at: AT,
    startedAt: "2026-02-27T10:00:00.000Z",
    rssBytes: 123_456_789,
    generation: { number: 12, file: `/etc/${long}.conf`, prefix: "/", loadedAt: "2026-03-01T11:57:00.000Z" },
    lastReload: { at: "2026-03-01T11:59:50.000Z", ok: false, error: `unknown directive "${long}"` },
    workers: [
      {
        index: 0,
        state: "serving",
        thread: 1,
        startedAt: "2025-02-27T10:00:00.000Z",
        restarts: 1,
        connections: 123_456,
        tunnels: 123_456,
        generation: 12,
        heapBytes: 987_654_321,
        busy: 1,
        answerMs: 999.9,
      },
      {
        index: 127,
        state: "not answering",
        thread: 200,
        startedAt: "2026-03-01T11:59:59.000Z",
        restarts: 1234,
        connections: 7,
        tunnels: null,
        generation: null,
        heapBytes: null,
        busy: null,
        answerMs: null,
      },
    ],
    listeners: [
      {
        address: `unix:/run/${long}.sock`,
        ssl: true,
        http2: true,
        proxyProtocol: true,
        accepted: 12_345_678,
      },
    ],
    connections: {
      active: 123_463,
      reading: 1,
      writing: 123_457,
      waiting: 5,
      accepted: 12_345_678,
      handled: 12_345_678,
      requests: 23_456_789,
      tunnels: 123_456,
    },
    locations: [
      { server: "", location: "", open: 0, opened: 0, failed: 0, failures: [] },
      {
        server: `${long}.example.com`,
        location: `~* ^/${long}/`,
        open: 123_456,
        opened: 1_234_567,
        failed: 1234,
        failures: FAILURE_CAUSES.map((cause, at) => ({
          cause,
          status: 404,
          peer: `${long}:3000`,
          part: cause === "bad-handshake" ? "Sec-WebSocket-Key" : "",
          count: 100 - at,
          lastAt: "2026-03-01T08:20:00.000Z",
        })),
      },
    ],
    upstreams: [
      {
        name: long,
        zone: false,
        peers: [
          PEER,
          {
            ...PEER,
            address: `unix:/run/${long}.sock`,
            state: "unavailable",
            workers: [1, 2],
            backup: true,
            weight: 3,
            fails: 3,
            lastFailureAt: "2026-02-20T11:00:00.000Z",
          },
        ],
      },
      { name: "10.0.0.9:80", zone: false, peers: [{ ...PEER, single: true, state: "removed" }] },
    ],
  }
}
