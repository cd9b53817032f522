import type { Family } from "../bench.ts"
import { connections } from "./connections.ts"
import { cpuFamily } from "./cpu-family.ts"
import { growth } from "./growth.ts"
import { idleMemory } from "./idle-memory.ts"
import { latency } from "./latency.ts"
import { manyServers } from "./many-servers.ts"
import { MIDDLE, messages, messageWork, push, SMALLEST } from "./messages.ts"
import { requests, smallGet } from "./requests.ts"
import { startUp } from "./start-up.ts"
import { workers } from "./workers.ts"

/** All that `npm run bench` measures, in this order. */
export const FAMILIES: readonly Family[] = [
  requests,
  messages,
  push,
  connections,
  workers,
  latency,
  idleMemory,
  startUp,
  manyServers,
  growth,
]

/** About a minute, against limits: `npm run bench -- quick`. */
export const quick = cpuFamily("quick", "Holdfast beside nginx", () => [
  smallGet(false, ""),
  messageWork(SMALLEST, false, ""),
  messageWork(MIDDLE, false, ""),
])
