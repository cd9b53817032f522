/** No configuration, however odd, makes a rule fail or a fix break the text. */
import assert from "node:assert/strict"
import { describe, test } from "node:test"
import fc from "fast-check"
import { type CheckResult, checkTree } from "../../src/check/engine.ts"
import { fixAll } from "../../src/check/fix.ts"
import { RULES } from "../../src/check/rules/index.ts"
import { parseTarget } from "../../src/check/target.ts"
import { readTree, type SourceText } from "../../src/check/tree.ts"

const SIMPLE = (
  "proxy_pass proxy_set_header proxy_http_version proxy_read_timeout proxy_send_timeout proxy_buffering listen " +
  "server_name return rewrite add_header keepalive server ip_hash hash least_conn sticky zone worker_connections " +
  "worker_rlimit_nofile worker_shutdown_timeout worker_processes proxy_next_upstream limit_req limit_conn limit_conn_zone " +
  "limit_req_zone error_page proxy_intercept_errors auth_request auth_basic allow deny ssl ssl_protocols ssl_ciphers " +
  "ssl_certificate http2 proxy_ssl_verify proxy_ssl_name proxy_ssl_server_name proxy_ssl_trusted_certificate stub_status " +
  "resolver set_real_ip_from real_ip_header real_ip_recursive gzip gzip_types sub_filter websocket drain set satisfy " +
  "proxy_cookie_path default internal try_files root access_log log_format"
).split(" ")
const BLOCKS = [
  "http",
  "server",
  "location",
  "upstream",
  "map",
  "geo",
  "if",
  "events",
  "limit_except",
  "types",
  "split_clients",
]
const WORDS = (
  "on off 80 443 ssl http2 default_server 127.0.0.1:8080 [::]:443 unix:/run/a.sock quic proxy_protocol / /ws /ws/ = ~ ~* ^~ @a " +
  "~^/ws /socket.io/ $uri $request_uri $host $http_host $http_upgrade $connection_upgrade $http_connection Upgrade Connection " +
  "Host Origin upgrade close websocket '' http://pool https://pool http://pool/ http://$host http://127.0.0.1:1/x$uri pool " +
  "http:// https://[::1 $ ${a} '$a' ($a 301 101 403 404 444 =200 permanent redirect last break always all none 0 1 1k 60s 1h -1 x " +
  "TLSv1 TLSv1.2 HIGH:!aNULL RC4:MD5:+x: Strict-Transport-Security max-age=1 example.com *.example.com ~^(?<n>.+)\\.x$ " +
  "zone=one burst=5 resolve backup down weight=2 non_idempotent http_500 0.0.0.0/0 X-Forwarded-For $binary_remote_addr $arg_x"
).split(" ")

const word = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...WORDS) },
  fc.stringMatching(/^[a-zA-Z0-9$:/.=~*_-]{1,6}$/),
  fc.constantFrom('"a;b"', "'}'", '"{"', '"#"', '"é €"', "a\\;b"),
)
const args = fc.array(word, { maxLength: 4 }).map((words) => words.map((text) => ` ${text}`).join(""))
const gap = fc.constantFrom(" ", "\n", "\r\n", "\n\n\t# remark }\n", "")

const { directive } = fc.letrec<{ directive: string; block: string; simple: string }>((tie) => ({
  simple: fc
    .tuple(gap, fc.constantFrom(...SIMPLE), args)
    .map(([before, name, rest]) => `${before}${name}${rest};`),
  block: fc
    .tuple(gap, fc.constantFrom(...BLOCKS), args, fc.array(tie("directive"), { maxLength: 8 }), gap)
    .map(([before, name, rest, inner, after]) => `${before}${name}${rest} {${inner.join("")}${after}}`),
  directive: fc.oneof({ depthSize: "small", withCrossShrink: true }, tie("simple"), tie("block")),
}))

/** Blocks where they belong, with anything in them. */
const servers = fc
  .array(
    fc.tuple(
      fc.array(directive, { maxLength: 4 }),
      fc.array(fc.tuple(args, fc.array(directive, { maxLength: 6 })), { maxLength: 3 }),
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((all) =>
    all
      .map(([own, locations]) => {
        const inner = locations.map(
          ([rest, lines]) => `\n  location${rest || " /ws"} { proxy_pass http://pool;${lines.join("")} }`,
        )
        return `\nserver {${own.join("")}${inner.join("")} }`
      })
      .join(""),
  )
const configuration = fc.oneof(
  fc.array(directive, { maxLength: 10 }).map((all) => all.join("")),
  fc
    .tuple(fc.array(directive, { maxLength: 4 }), fc.array(directive, { maxLength: 3 }), servers)
    .map(
      ([outer, pool, text]) => `events {}${outer.join("")} http {upstream pool {${pool.join("")}}${text}}\n`,
    ),
)

function checkText(texts: ReadonlyMap<string, SourceText>, target: string): CheckResult {
  const tree = readTree("nginx.conf", "/nowhere/", (path) => texts.get(path) ?? assert.fail(path))
  return checkTree(tree, parseTarget(target), RULES)
}

describe("any configuration", () => {
  test("is checked without a failure, every finding has its place in the text, and fixes leave it whole", () => {
    fc.assert(
      fc.property(
        configuration,
        fc.constantFrom("holdfast", "nginx/1.18", "nginx/1.22", "nginx/1.31"),
        (text, target) => {
          const texts = new Map<string, SourceText>([["nginx.conf", { text, encoding: "utf8" }]])
          const { before } = fixAll(texts, () => checkText(texts, target))
          const lines = text.split("\n")
          for (const { file, line, column, endColumn, message, ruleId } of before.findings) {
            assert.equal(file, "nginx.conf")
            assert.ok(line >= 1 && line <= lines.length, `${ruleId}: line ${line}`)
            assert.ok(
              column >= 1 && column <= (lines[line - 1] ?? "").length + 1,
              `${ruleId}: column ${column}`,
            )
            assert.ok(endColumn >= column && message !== "", ruleId)
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})
