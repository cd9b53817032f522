import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"

/** The backend is another server of the same edge, which tells where the connection came from. */
function bound(
  name: string,
  bind: string,
  status: number | readonly number[] = 200,
  send: ComparisonCase["send"] = get("/"),
): ComparisonCase {
  return {
    name,
    http: "upstream u{id} { server {listen2}; keepalive 4; }",
    servers: `
      server { listen {listen}; error_log {prefix}/logs/{id}.err notice;
        location / { ${HTTP_1_1} proxy_pass http://u{id}; ${bind} } }
      server { listen {listen2}; return 200 "from $remote_addr"; }`,
    send,
    status,
    probe: false,
  }
}

export const proxyBindCases: readonly ComparisonCase[] = [
  bound("no address", ""),
  bound("an address", "proxy_bind 127.0.0.5;"),
  bound("off", "proxy_bind off;"),
  bound("a variable", "proxy_bind $arg_from;", 200, get("/?from=127.0.0.6")),
  bound("the client's address", "proxy_bind $remote_addr;", 200, async (wire) => {
    await wire.connect({ from: "127.0.0.7" })
    await wire.send(get("/"))
    await wire.response()
  }),
  bound("a variable that is empty", "proxy_bind $arg_from;"),
  bound("a variable that is no address", "proxy_bind $arg_from;", 200, get("/?from=nothing")),
  bound("a variable that is a name", "proxy_bind $arg_from;", 200, get("/?from=localhost")),
  bound("text and a variable", "proxy_bind 127.0.0.$arg_from;", 200, get("/?from=9")),
  bound("an address that is not the machine's", "proxy_bind 192.0.2.1;", 500),
  bound(
    "an address that is not the machine's, from a variable",
    "proxy_bind $arg_from;",
    500,
    get("/?from=192.0.2.1"),
  ),
  {
    ...bound("an address of another kind", "proxy_bind ::1;", 500),
    differs: {
      why: "the address is looked at before the system sees it",
      holdfast: ({ errorLog }) => ({
        errorLog: errorLog.map((line) =>
          line.replace("97: Address family not supported by protocol", "22: Invalid argument"),
        ),
      }),
    },
  },
  bound("inherited, and taken back", "proxy_bind off;", 200),
  {
    name: "an address that the system refuses has no next upstream",
    http: "upstream u{id} { server {a}; server {b}; }",
    server: `error_log {prefix}/logs/{id}.err notice; location / { ${HTTP_1_1} proxy_bind 192.0.2.1; proxy_pass http://u{id}; error_page 500 =200 /page; } location /page { return 200 "page"; }`,
    backends: { a: httpAnswer("a"), b: httpAnswer("b") },
    send: get("/"),
    status: 200,
  },
]
