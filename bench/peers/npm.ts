/** The proxies from npm, installed in this folder by a package of its own. */
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Peer } from "./peer.ts"

/** `packageName` is started by npm/`name`.mjs. */
function npmPeer(name: string, packageName: string): Peer {
  const manifest = new URL(`node_modules/${packageName}/package.json`, import.meta.url)
  return {
    name,
    isReference: false,
    missing: () =>
      existsSync(manifest) ? false : `${packageName} is not installed (npm ci --prefix bench/peers)`,
    version: async () => JSON.parse(readFileSync(manifest, "utf8")).version,
    prepare: (setup) => ({
      command: process.execPath,
      args: [fileURLToPath(new URL(`npm/${name}.mjs`, import.meta.url)), JSON.stringify(setup)],
      env: { NODE_ENV: "production" },
    }),
  }
}

export const httpProxy3 = npmPeer("http-proxy-3", "http-proxy-3")
export const httpxy = npmPeer("httpxy", "httpxy")
export const fastifyHttpProxy = npmPeer("fastify-http-proxy", "@fastify/http-proxy")
