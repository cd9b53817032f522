// What the proxies from npm have in common: options as JSON in the first argument, `workers` processes by node:cluster
// where there is more than one.
import cluster from "node:cluster"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { createServer as createSecureServer } from "node:https"

/** @typedef {{ port: number, tlsPort: number, backendPort: number, workers: number, certificateFile: string, keyFile: string }} Setup */

/** @type {Setup} */
const setup = JSON.parse(process.argv[2])

export const target = `http://127.0.0.1:${setup.backendPort}`

export const address = { host: "127.0.0.1", port: setup.port, backlog: 4096 }

export const secureAddress = { host: "127.0.0.1", port: setup.tlsPort, backlog: 4096 }

export const certificate = () => ({
  cert: readFileSync(setup.certificateFile),
  key: readFileSync(setup.keyFile),
})

/** Runs `serve` here, or in as many processes as there are workers. */
export function runWorkers(serve) {
  if (setup.workers > 1 && cluster.isPrimary) for (let i = 0; i < setup.workers; i++) cluster.fork()
  else serve()
}

/** Serves requests and upgrades with and without TLS. A client that leaves without a word is no event here. */
export function listen(onRequest, onUpgrade) {
  for (const server of [createServer(onRequest), createSecureServer(certificate(), onRequest)]) {
    server.keepAliveTimeout = 3_600_000
    server.on("upgrade", (request, socket, head) => {
      socket.on("error", () => socket.destroy())
      onUpgrade(request, socket, head)
    })
    server.listen("cert" in server || server.setSecureContext ? secureAddress : address)
  }
}
