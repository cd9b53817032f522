// http-proxy-3, with the keep-alive agent that its documentation names for connections that are to be kept.
import { Agent } from "node:http"
import { createProxyServer } from "http-proxy-3"
import { listen, runWorkers, target } from "./listen.mjs"

runWorkers(() => {
  const proxy = createProxyServer({ target, agent: new Agent({ keepAlive: true, maxFreeSockets: 32 }) })
  proxy.on("error", (_error, _request, response) => response?.destroy?.())
  listen(
    (request, response) => proxy.web(request, response),
    (request, socket, head) => proxy.ws(request, socket, head),
  )
})
