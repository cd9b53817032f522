import type { DnsScript } from "../support/dns-server.ts"
import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post, postChunked } from "./case.ts"

const says = (name: string): BackendScript => httpAnswer(name)
const AB: Readonly<Record<string, BackendScript>> = { a: says("a"), b: says("b") }

const A = { type: "A", data: "127.0.0.1" } as const

/** What the name server of these cases says: by the first label of the name. */
export const resolverScript: DnsScript = (name, type) => {
  const [label] = name.split(".")
  switch (label) {
    case "none":
      return { code: 3 }
    case "servfail":
      return { code: 2 }
    case "notimp":
      return { code: 4 }
    case "refused":
      return { code: 5 }
    case "silent":
      return null
    case "empty":
      return {}
    case "only6":
      return type === "AAAA" ? { records: [{ type, data: "::1" }] } : {}
    case "both6":
      return type === "AAAA" ? { records: [{ type, data: "::1" }] } : { records: [A] }
    case "truncated":
      return { isTruncated: true, records: type === "A" ? [A] : [] }
    case "alias":
      return {
        records: [
          { type: "CNAME", data: "real.test" },
          ...(type === "A" ? [{ ...A, name: "real.test" }] : []),
        ],
      }
    case "dangling":
      return { records: [{ type: "CNAME", data: "none.test" }] }
    case "half":
      return type === "A" ? { records: [A] } : { code: 3 }
    case "halffail":
      return type === "A" ? { records: [A] } : { code: 2 }
    case "twice":
      return type === "A" ? { records: [A, A] } : {}
    case "dead2":
      // Where no backend of a case listens: it answers on 127.0.0.1 alone.
      return type === "A" ? { records: [{ type, data: "127.0.0.77" }] } : {}
  }
  return type === "A" ? { records: [A] } : {}
}

const LOG =
  "log_format {id} '$status $upstream_addr|$upstream_status|$proxy_host|$proxy_port|$upstream_response_length'; "

interface More extends Partial<ComparisonCase> {
  /** Directives of the location. */
  readonly location?: string
  /** Directives of the server. */
  readonly level?: string
  readonly resolver?: string
}

/** A case whose `resolver` is the test's own name server. */
function resolved(
  port: number,
): (name: string, url: string, status: number | number[], more?: More) => ComparisonCase {
  return (name, url, status, more = {}) => {
    const { location = "", level = "", http = "", resolver: _, ...rest } = more
    const resolver = (more.resolver ?? "resolver {dns};").replace("{dns}", `127.0.0.1:${port}`)
    return {
      name,
      http: LOG + http,
      server: `error_log {prefix}/logs/{id}.err error; access_log {prefix}/logs/{id}.log {id};
        ${resolver} ${level}
        location / { ${HTTP_1_1} ${location} set $name one.test; proxy_pass ${url}; }`,
      backends: AB,
      send: Array.isArray(status) ? status.map((_, index) => get(`/${index}?q=1`)) : get("/x?q=1"),
      status,
      ...rest,
    }
  }
}

/** `port`: where the name server listens on 127.0.0.1; `deadPort`: where nobody does. */
export function resolverCases(port: number, deadPort: number): readonly ComparisonCase[] {
  const one = resolved(port)
  return [...answers(one), ...failures(one, deadPort), ...targets(one), ...levels(one, port)]
}

type Make = ReturnType<typeof resolved>

function answers(one: Make): readonly ComparisonCase[] {
  return [
    one("a name in a variable", "http://$name:{a.port}", 200),
    one("three requests, one after the other", "http://$name:{a.port}", [200, 200, 200]),
    one("a name of the client's", "http://$arg_h.test:{a.port}", [200, 200], {
      send: [get("/?h=one"), get("/?h=two")],
    }),
    one("upper case is the same name", "http://ONE.Test:{a.port}$request_uri", 200, {
      differs: {
        why: "nginx's resolver writes the name in lower case over the one of the variable, after Host was made of it",
        holdfast: ({ accessLog }) => ({
          accessLog: accessLog.map((line) => line.replace("one.test", "ONE.Test")),
        }),
      },
    }),
    one("upper case of a name that is none", "http://NONE.Test:{a.port}$request_uri", 502, {
      differs: {
        why: "as before",
        holdfast: ({ accessLog }) => ({
          accessLog: accessLog.map((line) => line.replace("none.test", "NONE.Test")),
        }),
      },
    }),
    one("a dot at the end", "http://one.test.:{a.port}$request_uri", 200),
    one("an alias", "http://alias.test:{a.port}$request_uri", 200),
    one("an IPv6 address where there is none of IPv4", "http://only6.test:{a.port}$request_uri", 502, {
      probe: false,
    }),
    one("no such host for one kind of addresses", "http://half.test:{a.port}$request_uri", 502),
    one("ipv6=off", "http://both6.test:{a.port}$request_uri", 200, {
      resolver: "resolver {dns} ipv6=off;",
    }),
    one("one address twice", "http://twice.test:{a.port}$request_uri", 200),
    one("an answer that is too long for UDP", "http://truncated.test:{a.port}$request_uri", 200),
    one(
      "a name server that fails for one kind of addresses",
      "http://halffail.test:{a.port}$request_uri",
      502,
    ),
  ]
}

function failures(one: Make, deadPort: number): readonly ComparisonCase[] {
  const bad = (label: string): ComparisonCase =>
    one(`no addresses: ${label}`, `http://${label}.test:{a.port}$request_uri`, 502)
  return [
    ...["none", "servfail", "notimp", "refused", "empty"].map(bad),
    one("no addresses: an alias that leads nowhere", "http://dangling.test:{a.port}$request_uri", 502),
    one("a failure is not kept", "http://none.test:{a.port}$request_uri", [502, 502]),
    one("a name server that says nothing", "http://silent.test:{a.port}$request_uri", 502, {
      level: "resolver_timeout 300ms;",
    }),
    one("a time of a location's own", "http://silent.test:{a.port}$request_uri", 502, {
      level: "resolver_timeout 1h;",
      location: "resolver_timeout 200ms;",
    }),
    one("no name server there", "http://$name:{a.port}", 502, {
      resolver: `resolver 127.0.0.1:${deadPort};`,
      level: "resolver_timeout 300ms;",
    }),
    one("a name with an empty label", "http://a..test:{a.port}$request_uri", 502),
    one("nobody listens at the address", "http://dead2.test:{a.port}$request_uri", 502),
    one("an error page for a name that is none", "http://none.test:{a.port}$request_uri", 200, {
      level: `error_page 502 =200 @other; location @other { ${HTTP_1_1} proxy_pass http://{b}; }`,
    }),
    one("a name that is none after an upstream that failed", "http://{a}", 502, {
      backends: { a: httpAnswer("", "", "500 Internal Server Error"), b: says("b") },
      location: "proxy_intercept_errors on; error_page 500 = @other;",
      level: "location @other { set $n none.test; proxy_pass http://$n:{b.port}; }",
      differs: {
        why: "what nginx says it was doing is left from the first upstream's answer",
        holdfast: ({ errorLog }) => ({
          errorLog: errorLog.map((line) => line.replace(" while sending to client", "")),
        }),
      },
    }),
    one("no resolver", "http://$name:{a.port}", 502, { resolver: "" }),
    one("no resolver: an address", "http://$arg_h:{a.port}", 200, {
      resolver: "",
      send: get("/?h=127.0.0.1"),
    }),
    one("a body for a name that is none", "http://none.test:{a.port}$request_uri", 502, {
      send: post("/x", "abc"),
    }),
  ]
}

function targets(one: Make): readonly ComparisonCase[] {
  return [
    one("a URI of variables", "http://$name:{a.port}/other$uri?x=$arg_q", 200),
    one("a path without variables", "http://$name:{a.port}/fixed", 200),
    one("Host and $proxy_host", "http://$name:{a.port}", 200, {
      location: "proxy_set_header X-Host $proxy_host; proxy_set_header X-Port $proxy_port;",
    }),
    one("Host of the location's own", "http://$name:{a.port}", 200, {
      location: "proxy_set_header Host $host;",
    }),
    one("the name of a group", "http://$arg_g", 200, {
      http: "upstream group_{id} { server {a}; }",
      send: get("/?g=group_{id}"),
    }),
    one("a body", "http://$name:{a.port}", 200, { send: post("/x", "hello") }),
    one("a body in chunks", "http://$name:{a.port}", 200, { send: postChunked("/x", ["he", "llo"]) }),
    one("a body that is not buffered", "http://$name:{a.port}", 200, {
      location: "proxy_request_buffering off;",
      send: post("/x", "hello"),
    }),
    one("a redirect of the upstream's", "http://$name:{a.port}", 302, {
      backends: { a: httpAnswer("", "Location: http://one.test/y\r\n", "302 Found") },
    }),
    one("proxy_redirect by hand", "http://$name:{a.port}", 302, {
      location: "proxy_redirect http://one.test/ /z/;",
      backends: { a: httpAnswer("", "Location: http://one.test/y\r\n", "302 Found") },
    }),
    one("the next upstream is none", "http://dead2.test:{a.port}$request_uri", 502, {
      location: "proxy_next_upstream error timeout; proxy_next_upstream_tries 3;",
    }),
    one("HEAD", "http://$name:{a.port}", 200, {
      send: "HEAD /x HTTP/1.1\r\nHost: a.test\r\n\r\n",
      backends: { a: httpAnswer("") },
    }),
    one("an invalid URL", "$arg_u", 500, { send: get("/?u=ftp") }),
    one("no host", "http://$arg_u", 500, { send: get("/") }),
    one("a bad port", "http://$name:$arg_p", 500, { send: get("/?p=x") }),
  ]
}

function levels(one: Make, port: number): readonly ComparisonCase[] {
  return [
    one("in a location", "http://$name:{a.port}", 200, {
      resolver: "",
      location: `resolver 127.0.0.1:${port};`,
    }),
    one("a location's own name server", "http://$name:{a.port}", 200, {
      resolver: "resolver 127.0.0.1:1;",
      location: `resolver 127.0.0.1:${port} valid=30s;`,
    }),
    one("two name servers", "http://$name:{a.port}", 200, {
      resolver: `resolver 127.0.0.1:${port} 127.0.0.1:${port};`,
    }),
    one("valid", "http://$name:{a.port}", [200, 200], { resolver: `resolver 127.0.0.1:${port} valid=10s;` }),
    one("valid=0", "http://$name:{a.port}", [200, 200], { resolver: `resolver 127.0.0.1:${port} valid=0;` }),
    one("a name server by its name", "http://$name:{a.port}", 200, {
      resolver: `resolver localhost:${port} ipv6=off;`,
    }),
  ]
}
