import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"
import type { ClientScript } from "./client-script.ts"

const PASS = `${HTTP_1_1} proxy_pass http://{b};`

/** Sends requests, and notes the bytes of each answer from its body on: a trailer section stands behind that. */
function bodies(...requests: readonly string[]): ClientScript {
  return async (wire) => {
    for (const request of requests) {
      await wire.connect()
      await wire.send(request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
      const text = await (await wire.client()).readToEnd()
      wire.note(text.split("\r\n", 1)[0] as string)
      for (const name of ["Content-Length", "Transfer-Encoding", "Trailer"])
        wire.note(new RegExp(`\r\n${name}: .*`, "i").exec(text)?.[0].trim() ?? `no ${name}`)
      // A built-in page is longer by the program's name.
      wire.note(text.slice(text.indexOf("\r\n\r\n") + 4).replace(/^[0-9a-f]+(?=\r\n<html>)/, "{size}"))
    }
  }
}

function added(
  name: string,
  inside: string,
  requests: readonly string[] = [get("/")],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return { name, server: `location / { ${inside} }`, send: bodies(...requests), status: [], ...more }
}

export const trailerCases: readonly ComparisonCase[] = [
  added("of an answer of its own", "add_trailer X-T v; return 200 body;"),
  added("several", 'add_trailer X-T 1; add_trailer X-T 2; add_trailer x-u "a b"; return 200 body;'),
  added("of variables", "add_trailer X-T $arg_t; add_trailer X-B $status; return 200 body;", [
    get("/?t=1"),
    get("/"),
  ]),
  added("an empty value", 'add_trailer X-T ""; return 200 body;'),
  added("an empty body", 'add_trailer X-T v; return 200 "";'),
  added("whoever asks: no TE is wanted", "add_trailer X-T v; return 200 body;", [
    get("/", "TE: trailers\r\n"),
  ]),
  added("HTTP/1.0 has no place for it", "add_trailer X-T v; return 200 body;", ["GET / HTTP/1.0\r\n\r\n"]),
  added(
    "chunked_transfer_encoding off",
    "chunked_transfer_encoding off; add_trailer X-T v; return 200 body;",
  ),
  added("HEAD", "add_trailer X-T v; return 200 body;", ["HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"]),
  added("204", "add_trailer X-T v; return 204;"),
  added("a redirect", "add_trailer X-T v; return 301 http://a/;"),
  added("not on errors", "add_trailer X-T v; return 418 body;"),
  added("on errors with always", "add_trailer X-T v always; add_trailer X-U u; return 418 body;"),
  added("an if", "if ($arg_t) { add_trailer X-T in; } add_trailer X-T out; return 200 body;", [
    get("/"),
    get("/?t=1"),
  ]),
  added("inherited, and replaced", "return 200 body;", [get("/"), get("/own")], {
    server:
      "add_trailer X-T server; location / { return 200 body; } location /own { add_trailer X-U own; return 200 body; }",
  }),
  added("of a backend's answer with a length", `add_trailer X-T $upstream_status; ${PASS}`, undefined, {
    backends: { b: httpAnswer("the answer") },
  }),
  added("of a backend's answer without a body", `add_trailer X-T v; ${PASS}`, undefined, {
    backends: { b: "HTTP/1.1 304 Not Modified\r\n\r\n" },
  }),
  added("of a chunked answer: the backend's are not passed on", `add_trailer X-T v; ${PASS}`, undefined, {
    backends: {
      b: "HTTP/1.1 200 OK\r\nTrailer: X-B\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-B: b\r\n\r\n",
    },
  }),
  added("a backend's alone are not passed on", PASS, undefined, {
    backends: { b: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-B: b\r\n\r\n" },
  }),
  added(
    "the log",
    'add_trailer X-T v; add_trailer X_U "u w"; return 200 body;',
    [get("/"), "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"],
    {
      http: `log_format {id} '"$sent_trailer_x_t" "$sent_trailer_x_u" "$sent_trailer_x_v" "$upstream_trailer_x"';`,
      server:
        'access_log logs/{id}.log {id}; location / { add_trailer X-T v; add_trailer X_U "u w"; return 200 body; }',
    },
  ),
  added("beside limit_rate", "limit_rate 100k; add_trailer X-T v; return 200 body;"),
]
