/** Each case is a group of its own, with a `match` and a server that answers in its way; all in one program. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { httpAnswer, type RawBackend, startRawBackend } from "../support/raw-backend.ts"

interface Case {
  /** The lines of the block. */
  readonly match: string
  readonly answer: string
  /** What the check fails at; null: it passes. */
  readonly fails: string | null
}

const STATUS = "checking status code"
const HEADER = "checking header"
const BODY = "checking body"
const REQUIRE = "checking required variables"

const status = (line: string): string => httpAnswer("x", "", line)
const fields = (lines: string): string => httpAnswer("x", lines)
const body = (text: string): string => httpAnswer(text)
const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwelc\r\n3\r\nome\r\n0\r\n\r\n"
const untilClose = { send: "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwelcome", after: "end" as const }

const CASES: readonly Case[] = [
  { match: "status 200;", answer: status("200 OK"), fails: null },
  { match: "status 200;", answer: status("201 Created"), fails: STATUS },
  { match: "status ! 500;", answer: status("404 Not Found"), fails: null },
  { match: "status ! 500;", answer: status("500 No"), fails: STATUS },
  { match: "status 200 204;", answer: status("204 No Content").replace(/x$/, ""), fails: null },
  { match: "status 200 204;", answer: status("202 Accepted"), fails: STATUS },
  { match: "status ! 301 302;", answer: status("302 Found"), fails: STATUS },
  { match: "status ! 301 302;", answer: status("303 See Other"), fails: null },
  { match: "status 200-399;", answer: status("399 Odd"), fails: null },
  { match: "status 200-399;", answer: status("400 Bad Request"), fails: STATUS },
  { match: "status ! 400-599;", answer: status("599 Odd"), fails: STATUS },
  { match: "status ! 400-599;", answer: status("600 Odd"), fails: null },
  { match: "status 301-303 307;", answer: status("307 Temporary Redirect"), fails: null },
  { match: "status 301-303 307;", answer: status("304 Not Modified").replace(/x$/, ""), fails: STATUS },
  {
    match: "status 200-299; status ! 204;",
    answer: status("204 No Content").replace(/x$/, ""),
    fails: STATUS,
  },
  { match: "", answer: status("500 No"), fails: null },
  { match: "header X-A = yes;", answer: fields("X-A: yes\r\n"), fails: null },
  { match: "header X-A = yes;", answer: fields("X-A: no\r\n"), fails: HEADER },
  { match: "header X-A = yes;", answer: fields(""), fails: HEADER },
  { match: "header x-a = yes;", answer: fields("X-A: no\r\nX-A: yes\r\n"), fails: null },
  { match: "header X-A != yes;", answer: fields("X-A: no\r\n"), fails: null },
  { match: "header X-A != yes;", answer: fields("X-A: yes\r\n"), fails: HEADER },
  { match: "header X-A != yes;", answer: fields(""), fails: HEADER },
  { match: 'header X-A ~ "^y[es]+$";', answer: fields("X-A: yes\r\n"), fails: null },
  { match: "header X-A ~ ^y;", answer: fields("X-A: no\r\n"), fails: HEADER },
  { match: "header X-A !~ ^y;", answer: fields("X-A: no\r\n"), fails: null },
  { match: "header X-A !~ ^y;", answer: fields("X-A: yes\r\n"), fails: HEADER },
  { match: "header X-A !~ ^y;", answer: fields(""), fails: HEADER },
  { match: "header X-A;", answer: fields("x-a:\r\n"), fails: null },
  { match: "header X-A;", answer: fields("X-B: 1\r\n"), fails: HEADER },
  { match: "header ! X-A;", answer: fields("X-B: 1\r\n"), fails: null },
  { match: "header ! X-A;", answer: fields("X-A: 1\r\n"), fails: HEADER },
  { match: "body ~ wel;", answer: body("welcome"), fails: null },
  { match: 'body ~ "^come";', answer: body("welcome"), fails: BODY },
  { match: 'body !~ "maintenance mode";', answer: body("welcome"), fails: null },
  { match: 'body !~ "maintenance mode";', answer: body("in maintenance mode"), fails: BODY },
  { match: 'body ~ "(?i)WELCOME";', answer: body("welcome"), fails: null },
  { match: "body ~ welcome;", answer: chunked, fails: null },
  { match: "body ~ come.;", answer: chunked, fails: BODY },
  { match: "body ~ welcome$;", answer: "CLOSE", fails: null },
  { match: 'body ~ "^x{262144}$";', answer: body(`${"x".repeat(262144)}y`), fails: null },
  { match: "body ~ y;", answer: body(`${"x".repeat(262144)}y`), fails: BODY },
  { match: "require $good_status;", answer: status("204 No Content").replace(/x$/, ""), fails: null },
  { match: "require $good_status;", answer: status("201 Created"), fails: REQUIRE },
  { match: "require $upstream_http_x_a;", answer: fields("X-A: 1\r\n"), fails: null },
  { match: "require $upstream_http_x_a $upstream_status;", answer: fields("X-A: 0\r\n"), fails: REQUIRE },
  { match: "require $arg_a;", answer: fields(""), fails: REQUIRE },
  { match: "status 200; header X-A; body ~ b;", answer: httpAnswer("b", "X-A: 1\r\n"), fails: null },
  { match: "status 200; header X-A; body ~ b;", answer: httpAnswer("a", "X-A: 1\r\n"), fails: BODY },
  { match: "body ~ b; header X-A; status 201;", answer: httpAnswer("a"), fails: STATUS },
]

describe("match", () => {
  let edge: Edge
  let backend: RawBackend
  const counts = CASES.map(() => 0)

  before(async () => {
    backend = await startRawBackend(({ target }) => {
      const index = Number(target.slice(1))
      counts[index]++
      const { answer } = CASES[index] as Case
      return answer === "CLOSE" ? untilClose : answer
    })
    const port = await freePort()
    const matches = CASES.map(({ match }, i) => `match m${i} { ${match} }`)
    const groups = CASES.map((_, i) => `upstream g${i} { zone g${i} 64k; server 127.0.0.1:${backend.port}; }`)
    const locations = CASES.map(
      (_, i) =>
        `location /${i} { proxy_pass http://g${i}; health_check interval=100ms uri=/${i} match=m${i}; }`,
    )
    edge = await startHoldfast(`events {} http {
      map $upstream_status $good_status { 200 1; 204 1; }
      ${matches.join("\n")} ${groups.join("\n")}
      server { listen 127.0.0.1:${port}; ${locations.join("\n")} } }`)
  })

  after(async () => {
    await edge.stop()
    await backend.close()
  })

  for (const [i, { match, fails }] of CASES.entries())
    it(`${i}: ${match} ${fails === null ? "passes" : `fails while ${fails}`}`, async () => {
      const about = `, health check "m${i}" of peer 127.0.0.1:${backend.port} in upstream "g${i}"`
      if (fails !== null) {
        await edge.waitForLog(new RegExp(`\\[warn\\].* peer is unhealthy while ${fails}${about}`))
        return
      }
      // When the third check has come, two have been judged.
      await backend.until(() => (counts[i] ?? 0) >= 3)
      assert.ok(!edge.errorLog().includes(about), edge.errorLog())
    })
})
