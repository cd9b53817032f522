/** The proxies of Debian's packages haproxy and caddy. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { runProgram } from "../load/programs.ts"
import { fillIn, type Peer, type PeerSetup } from "./peer.ts"

const HAPROXY = "/usr/sbin/haproxy"
const CADDY = "/usr/bin/caddy"

function missing(path: string, name: string): string | false {
  return existsSync(path) ? false : `${path} is not installed (Debian: apt-get install ${name})`
}

function writeFilled(name: string, setup: PeerSetup): string {
  const file = join(setup.folder, name)
  const combined = join(setup.folder, "combined.pem")
  const text = readFileSync(new URL(name, import.meta.url), "latin1").replaceAll("{combined}", combined)
  const certificate = readFileSync(setup.certificateFile, "latin1") + readFileSync(setup.keyFile, "latin1")
  writeFileSync(combined, certificate, { encoding: "latin1", mode: 0o600 })
  writeFileSync(file, fillIn(text, setup), "latin1")
  return file
}

export const haproxy: Peer = {
  name: "haproxy",
  isReference: false,
  missing: () => missing(HAPROXY, "haproxy"),
  version: async () => /version (\S+)/.exec(await runProgram(HAPROXY, ["-v"]))?.[1] ?? "?",
  prepare: (setup) => ({ command: HAPROXY, args: ["-db", "-f", writeFilled("haproxy.cfg", setup)] }),
}

export const caddy: Peer = {
  name: "caddy",
  isReference: false,
  missing: () => missing(CADDY, "caddy"),
  version: async () => (await runProgram(CADDY, ["version"])).trim().split(" ")[0],
  prepare: (setup) => ({
    command: CADDY,
    args: ["run", "--adapter", "caddyfile", "--config", writeFilled("Caddyfile", setup)],
    env: {
      GOMAXPROCS: String(setup.workers),
      HOME: setup.folder,
      XDG_DATA_HOME: setup.folder,
      XDG_CONFIG_HOME: setup.folder,
    },
  }),
}
