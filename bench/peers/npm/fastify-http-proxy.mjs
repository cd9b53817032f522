// @fastify/http-proxy with its WebSocket support: it ends WebSockets itself, by the ws library, on both sides.
import proxy from "@fastify/http-proxy"
import Fastify from "fastify"
import { address, certificate, runWorkers, secureAddress, target } from "./listen.mjs"

async function serve(options, where) {
  const app = Fastify({ ...options, logger: false, bodyLimit: 16 * 1024 * 1024, keepAliveTimeout: 3_600_000 })
  await app.register(proxy, { upstream: target, websocket: true })
  await app.listen(where)
}

runWorkers(async () => {
  await serve({}, address)
  await serve({ https: certificate() }, secureAddress)
})
