import { readFileSync } from "node:fs"
import { eventStreamCompressed } from "../../src/check/rules/event-stream-compressed.ts"
import { RawClient } from "../support/raw-client.ts"
import { startEventSource } from "./event-source.ts"
import { prove, type Stage } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const target = "nginx/1.31"

testRule(eventStreamCompressed, [
  {
    name: "gzip for streams, from http",
    target,
    config: `
      gzip on;
      gzip_types text/css text/event-stream;
      server { location /sse { proxy_pass http://127.0.0.1:3000; } }`,
    finds: ["4:32 proxy_pass -- gzip is on here: set in http, line 2, and gzip_types has text/event-stream"],
  },
  {
    name: "for all types, in the location",
    target,
    config: `
      server {
        gzip on;
        location /sockjs/ { gzip_types *; proxy_pass http://127.0.0.1:3000; }
      }`,
    finds: ["4:29 gzip_types -- gzip_types has *"],
  },
  {
    name: "gzip is off at the location",
    target,
    config: `
      gzip on;
      gzip_types text/event-stream;
      server { location /.well-known/mercure { gzip off; proxy_pass http://127.0.0.1:3000; } }`,
  },
  {
    name: "off is the default",
    target,
    config: `
      gzip_types text/event-stream;
      server { location /sse { proxy_pass http://127.0.0.1:3000; } }`,
  },
  {
    name: "other types only",
    target,
    config: `
      gzip on;
      gzip_types text/css application/json;
      server { location /sse { proxy_pass http://127.0.0.1:3000; } }`,
  },
  {
    name: "no streams, and only perhaps streams",
    target,
    config: `
      gzip on;
      gzip_types *;
      server {
        location / { proxy_pass http://127.0.0.1:3000; }
        location /events { proxy_read_timeout 1h; proxy_pass http://127.0.0.1:3000; }
      }`,
  },
  {
    name: "Holdfast has no gzip",
    config: `
      gzip on;
      gzip_types *;
      server { location /sse { proxy_pass http://127.0.0.1:3000; } }`,
  },
])

const STREAMS = 60
const GZIP_MAGIC = "\x1f\x8b"
/** A stream without a compressor takes about 20. */
const MANY_KB = 60

/** The memory of the worker, kB. */
function residentKb(masterPid: number): number {
  const [worker = ""] = readFileSync(`/proc/${masterPid}/task/${masterPid}/children`, "latin1").split(" ")
  const status = readFileSync(`/proc/${worker}/status`, "latin1")
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1])
}

/** Opens a stream and waits for its first event. */
async function openStream(port: number): Promise<RawClient> {
  const client = await RawClient.connect({ port })
  await client.send("GET /sse HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
  const head = await client.readUntil("\r\n\r\n")
  await client.readUntil(/gzip/.test(head) ? GZIP_MAGIC : "data: first")
  return client
}

async function memoryOfStreams({ edge, port }: Stage): Promise<string> {
  await using clients = new AsyncDisposableStack()
  // The pid file is there before the worker is, and what all requests share is not to be counted.
  clients.use(await openStream(port))
  const before = residentKb(edge.pid)
  for (let count = 0; count < STREAMS; count++) clients.use(await openStream(port))
  return (residentKb(edge.pid) - before) / STREAMS > MANY_KB ? "a compressor each" : "little"
}

prove(eventStreamCompressed, [
  {
    name: "each open stream has a compressor's memory",
    broken: `server { listen {listen}; gzip on; gzip_types text/event-stream; proxy_buffering off;
      location /sse { proxy_pass http://{own}; } }`,
    fixed: `server { listen {listen}; gzip on; gzip_types text/event-stream; proxy_buffering off;
      location /sse { proxy_pass http://{own}; gzip off; } }`,
    startOwn: startEventSource,
    attempt: memoryOfStreams,
    failure: /^a compressor each$/,
    success: /^little$/,
  },
])
