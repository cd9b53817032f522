// Self-contained: no other file is asked for, so that what it shows comes from one backend of each pool.
const STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#16202c, #e8edf3); --dim: light-dark(#5c6b7c, #93a2b3);
  --paper: light-dark(#f4f6f9, #0e141b); --card: light-dark(#ffffff, #17202a); --line: light-dark(#dde3ea, #2a3644);
  --good: light-dark(#0a7d4f, #3fd695); --bad: light-dark(#b3261e, #ff8a80); --accent: light-dark(#1f5fd0, #7fb0ff) }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px;
  background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { width: min(620px, 100%); background: var(--card); border: 1px solid var(--line); border-radius: 16px;
  padding: 32px; box-shadow: 0 8px 40px #0001 }
h1 { margin: 0; font-size: 28px; letter-spacing: -.02em }
p { margin: 4px 0 24px; color: var(--dim) }
ol { list-style: none; margin: 0 0 24px; padding: 0; display: grid; grid-template-columns: 1fr 1fr; gap: 12px }
li { border: 1px solid var(--line); border-radius: 12px; padding: 14px 16px }
li span { display: block; font-size: 13px; color: var(--dim) }
li b { font-size: 20px; font-weight: 600 }
li small { display: block; color: var(--dim) }
#state::before { content: "●"; margin-right: 6px; color: var(--dim) }
[data-state=open] #state::before { color: var(--good) }
[data-state=closed] #state::before { color: var(--bad) }
form { display: flex; gap: 8px }
input { flex: 1; min-width: 0 }
input, button { font: inherit; padding: 8px 14px; border-radius: 9px; border: 1px solid var(--line);
  background: transparent; color: inherit }
button { cursor: pointer } form button { background: var(--accent); border-color: var(--accent); color: var(--card) }
pre { height: 168px; overflow: auto; margin: 16px 0; padding: 12px 14px; border-radius: 10px; font-size: 13px;
  background: var(--paper); border: 1px solid var(--line); white-space: pre-wrap }
`

const SCRIPT = `
const find = (id) => document.getElementById(id)
let socket, sentAt = 0, visits = []
function log(text) {
  find("log").append(text + "\\n")
  find("log").scrollTop = find("log").scrollHeight
}
function show(state, text) {
  document.body.dataset.state = state
  find("state").textContent = text
}
function open() {
  show("opening", "opening")
  const url = "wss://" + location.host + "/ws/"
  const mine = socket = new WebSocket(url)
  log("→ " + url)
  mine.onopen = () => show("open", "open")
  mine.onmessage = ({ data }) => {
    const name = data.slice(0, data.indexOf(":"))
    if (data.endsWith(": hello") && !sentAt) {
      visits.push(name)
      find("backend").textContent = name
      find("visits").textContent = visits.length === 1 ? "connected once"
        : visits.length + " connections, " + new Set(visits).size + " backend"
    }
    log("← " + data + (sentAt ? "   (" + (performance.now() - sentAt).toFixed(1) + " ms)" : ""))
    sentAt = 0
  }
  mine.onclose = ({ code }) => {
    if (mine !== socket) return
    show("closed", "closed (" + code + ")")
    log("× closed with code " + code)
  }
}
find("send").onsubmit = (event) => {
  event.preventDefault()
  if (socket.readyState !== WebSocket.OPEN) return
  sentAt = performance.now()
  socket.send(find("text").value)
  log("→ " + find("text").value)
}
find("again").onclick = () => {
  socket.close(1000)
  sentAt = 0
  open()
}
open()
`

/** The demo's page, as the application backend `name` serves it. HTML, ASCII but for the texts in UTF-8. */
export function demoPage(name: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Holdfast demo</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
<body>
<main>
<h1>Holdfast</h1>
<p>This page and its WebSocket came through the proxy, over TLS.</p>
<ol>
<li><span>page, pool app_backend</span><b>${name}</b><small>round robin: reload the page</small></li>
<li><span>WebSocket, pool ws_backend</span><b id="backend">…</b><small id="visits">ip_hash</small></li>
</ol>
<form id="send"><input id="text" value="Hello through the proxy" aria-label="Message"><button>Send</button></form>
<pre id="log" role="log"></pre>
<button id="again" type="button">Connect again</button> <span id="state"></span>
</main>
<script>${SCRIPT}</script>
`
}
