// httpxy; keep-alive to the backend is what it does unless told otherwise.
import { createProxyServer } from "httpxy"
import { listen, runWorkers, target } from "./listen.mjs"

runWorkers(() => {
  const proxy = createProxyServer({ target })
  proxy.on("error", (_error, _request, response) => response?.destroy?.())
  listen(
    (request, response) => void proxy.web(request, response).catch(() => response.destroy()),
    (request, socket, head) => void proxy.ws(request, socket, {}, head).catch(() => socket.destroy()),
  )
})
