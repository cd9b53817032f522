/** How the check of a password with a slow hash ends when the client leaves, and that others are served meanwhile. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { basic } from "../nginx-comparison/auth-users.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { RawClient } from "../support/raw-client.ts"

/** As many rounds as there can be: hours. */
const ENDLESS = "$6$rounds=999999999$salt$x"
const SHA512 =
  "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"

const request = (path: string, user: string, password: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\n${basic(user, password)}\r\n`

test("a hash that takes hours keeps nobody from being served, and ends with its client", async () => {
  const port = await freePort()
  await using edge = await startHoldfast(
    `events { } http { log_format l '$status $remote_user'; access_log {prefix}/logs/a.log l;
      server { listen 127.0.0.1:${port}; auth_basic r; auth_basic_user_file users;
        location / { try_files /none =204; } location /open { auth_basic off; return 204; } } }`,
    { files: { users: `endless:${ENDLESS}\nfine:${SHA512}\n` } },
  )
  const waiting = await RawClient.connect({ port })
  await waiting.send(request("/", "endless", "x"))
  const other = await RawClient.connect({ port })
  for (let i = 0; i < 5; i++) {
    await other.send(request("/open", "nobody", ""))
    assert.equal((await other.readResponse()).status, 204)
  }
  // Hashes are worked out one after the other: this one's turn comes when the first client has gone.
  await other.send(request("/", "fine", "Hello world!"))
  waiting.destroy()
  assert.equal((await other.readResponse()).status, 204)
  await other.send(request("/", "fine", "wrong"))
  assert.equal((await other.readResponse()).status, 401)
  other.destroy()
  await edge.waitForFile("logs/a.log", /^499 endless$/m)
  await edge.waitForLog(/client prematurely closed connection, client: 127\.0\.0\.1/)
})

test("auth_delay is over when the client leaves", async () => {
  const port = await freePort()
  await using edge = await startHoldfast(
    `events { } http { log_format l '$status'; access_log {prefix}/logs/a.log l;
      server { listen 127.0.0.1:${port}; auth_delay 1h; auth_basic r; auth_basic_user_file users; } }`,
    { files: { users: "a:{PLAIN}b\n" } },
  )
  const client = await RawClient.connect({ port })
  await client.send(request("/", "a", "wrong"))
  await edge.waitForLog(/delaying unauthorized request/)
  client.destroy()
  await edge.waitForFile("logs/a.log", /^499$/m)
})
