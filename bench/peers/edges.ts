/** The proxies that run nginx.conf: Holdfast of this checkout and Debian's nginx. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { EdgeProgram } from "../../test/support/edge.ts"
import { HOLDFAST, holdfastProgram } from "../../test/support/holdfast.ts"
import { nginxMissing, nginxProgram } from "../../test/support/nginx.ts"
import { runProgram } from "../load/programs.ts"
import { type Command, fillIn, type Peer, type PeerSetup } from "./peer.ts"

/** A proxy whose configuration can be any nginx.conf. */
export interface Edge extends Peer {
  /** As `prepare`, with `configuration` in place of the benchmark's own. */
  prepareWith(configuration: string, folder: string): Command
}

export function isEdge(peer: Peer): peer is Edge {
  return "prepareWith" in peer
}

/** Holdfast of this checkout. */
export const holdfast: Edge = {
  name: "holdfast",
  isReference: false,
  missing: () => (existsSync(HOLDFAST) ? false : "bin/holdfast is not there"),
  version: async () => {
    const [version] = (await runProgram(HOLDFAST, ["-v"])).trim().split("\n")
    return `${version.replace(/^.*[/ ]/, "")} (Node ${process.versions.node})`
  },
  prepare: (setup) => prepareEdge(holdfastProgram, commonConfiguration(setup), setup.folder),
  prepareWith: (configuration, folder) => prepareEdge(holdfastProgram, configuration, folder),
}

/** Debian's nginx. */
export const nginx: Edge = {
  name: "nginx",
  isReference: true,
  missing: nginxMissing,
  version: async () => (await runProgram("/usr/sbin/nginx", ["-v"])).trim().replace(/^.*\//, ""),
  prepare: (setup) => prepareEdge(nginxProgram, commonConfiguration(setup), setup.folder),
  prepareWith: (configuration, folder) => prepareEdge(nginxProgram, configuration, folder),
}

function commonConfiguration(setup: PeerSetup): string {
  return fillIn(readFileSync(new URL("nginx.conf", import.meta.url), "latin1"), setup)
}

function prepareEdge(program: EdgeProgram, configuration: string, folder: string): Command {
  mkdirSync(join(folder, "logs"), { recursive: true })
  const file = join(folder, `${program.name}.conf`)
  writeFileSync(file, program.prepare(configuration, folder), "latin1")
  return { command: program.command, args: ["-c", file, "-p", folder] }
}
