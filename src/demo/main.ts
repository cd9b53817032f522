import { Demo } from "./demo.ts"

// What `npm start` runs: the guide's configuration with everything that it needs, until a signal comes.

const HTTP_PORT = 8080
const HTTPS_PORT = 8443

/** What the user is told once all of it runs. */
function describe(demo: Demo): string {
  // An address, not a name: browsers remember Strict-Transport-Security for names, and "localhost" with any
  // other port would then be asked over TLS for a year. RFC 6797 §8.1.1 leaves addresses out.
  const host = `127.0.0.1:${demo.https.port}`
  const notes = [
    demo.http.isWanted ? "" : `Port ${HTTP_PORT} is taken; ${demo.http.port} is used in its place.\n`,
    demo.https.isWanted ? "" : `Port ${HTTPS_PORT} is taken; ${demo.https.port} is used in its place.\n`,
  ].join("")
  const client =
    `const s = new WebSocket("wss://${host}/ws/"); s.onopen = () => s.send("hello"); ` +
    "s.onmessage = (e) => console.log(e.data); s.onclose = (e) => console.log(e.code)"
  return `${notes}
Holdfast runs the guide's configuration: ${demo.configFile}

  https://${host}/              a page that opens a WebSocket (certificate: own, so the browser will ask)
  wss://${host}/ws/             two WebSocket backends, ip_hash
  http://127.0.0.1:${demo.http.port}/               redirects to https

Try:

  curl -i -N --cacert ${demo.authorityFile} \\
    -H "Connection: Upgrade" -H "Upgrade: websocket" \\
    -H "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" -H "Sec-WebSocket-Version: 13" \\
    https://${host}/ws/

  NODE_EXTRA_CA_CERTS=${demo.authorityFile} ${process.execPath} \\
    -e '${client}'

  curl --cacert ${demo.authorityFile} https://${host}/nginx_status

Ctrl-C ends all of it.
`
}

async function main(): Promise<number> {
  let signals = 0
  let stop = (_force: boolean): void => {}
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => stop(signals++ > 0))
  }
  const demo = await Demo.start({ http: HTTP_PORT, https: HTTPS_PORT })
  stop = (force) => void demo.stop(force)
  if (signals > 0) await demo.stop()
  else console.log(describe(demo))
  const code = await demo.ended
  await demo.stop()
  return signals > 0 ? 0 : code
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  return 1
})
