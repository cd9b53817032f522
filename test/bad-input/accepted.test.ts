/** What nginx takes although it looks like a mistake: Holdfast takes it too, with the same warnings. */
import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, it } from "node:test"
import { holdfastProgram, run, runHoldfast } from "../support/holdfast.ts"
import { nginxMissing, nginxProgram } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { makeTempFolder } from "../support/temp.ts"
import { inHttp, inLocation, inServer, inUpstream } from "./bad-input.ts"

interface Accepted {
  readonly name: string
  readonly config: string
  /** The warnings, each as it follows `[warn] `, in their order. */
  readonly warnings?: readonly string[]
}

const twoServers = (first: string, second: string): string =>
  inHttp(`server {\nlisten 127.0.0.1:{port};\n${first}\n}\nserver {\nlisten 127.0.0.1:{port};\n${second}\n}`)

const CASES: readonly Accepted[] = [
  {
    name: "a server name twice at one address",
    config: twoServers("server_name a.test;", "server_name a.test;"),
    warnings: ['conflicting server name "a.test" on 127.0.0.1:{port}, ignored'],
  },
  {
    name: "the same wildcard and regular name twice",
    config: twoServers("server_name *.a.test .b.test;", "server_name *.a.test .b.test;"),
    warnings: [
      'conflicting server name "*.a.test" on 127.0.0.1:{port}, ignored',
      'conflicting server name ".b.test" on 127.0.0.1:{port}, ignored',
    ],
  },
  {
    name: "two servers without a name at one address",
    config: twoServers("", ""),
    warnings: ['conflicting server name "" on 127.0.0.1:{port}, ignored'],
  },
  {
    name: "a server name twice in one server, next to another",
    config: twoServers("server_name a.test a.test;", "server_name b.test;"),
    warnings: ['conflicting server name "a.test" on 127.0.0.1:{port}, ignored'],
  },
  {
    name: "a server name with a slash",
    config: inServer("server_name a/b;"),
    warnings: ['server name "a/b" has suspicious symbols in {dir}/test.conf:5'],
  },
  {
    name: "a word of a set twice",
    config: inLocation("proxy_next_upstream error error;"),
    warnings: ['duplicate value "error" in {dir}/test.conf:6'],
  },
  {
    name: "folders for the temporary files of modules that are not there",
    config: inLocation(
      "fastcgi_temp_path {dir}/fastcgi 1 2;\nscgi_temp_path {dir}/scgi;\nuwsgi_temp_path {dir}/uwsgi;",
    ),
  },
  { name: "a directive with a set twice", config: inHttp("ssl_protocols TLSv1.2;\nssl_protocols TLSv1.3;") },
  {
    name: "types twice in one block",
    config: inHttp("types { a/b c; }\ntypes { a/d c; }"),
    warnings: [
      'duplicate extension "c", content type: "a/d", previous content type: "a/b" in {dir}/test.conf:4',
    ],
  },
  { name: "return twice", config: inLocation("return 200 a;\nreturn 200 b;") },
  {
    name: "ip_hash after keepalive",
    config: inUpstream("server 127.0.0.1;\nkeepalive 5;\nip_hash;"),
    warnings: ["load balancing method redefined in {dir}/test.conf:6"],
  },
  {
    name: "backup above ip_hash",
    config: inUpstream("server 127.0.0.1;\nserver 127.0.0.2 backup;\nip_hash;"),
  },
  { name: "the same regular expression twice", config: inServer("location ~ a {}\nlocation ~ a {}") },
  { name: "a location without text", config: inServer('location "" {}') },
  { name: "ipv6only for IPv4", config: inHttp("server { listen 127.0.0.1:{port} ipv6only=on; }") },
  { name: "an empty http block", config: "events {}\nhttp {}\n" },
  { name: "events alone", config: "events {}\n" },
  { name: "a file that ends in a comment without a line feed", config: "events {}\nhttp {} # the end" },
  { name: "lines that end with CRLF", config: "events {}\r\nhttp {\r\n  server_tokens off;\r\n}\r\n" },
  { name: "a quote inside a word", config: inLocation("return 200 it's;") },
  { name: "a hash sign inside a word", config: inLocation("return 200 a#b;") },
  { name: "bytes that are no UTF-8", config: inLocation("return 200 \xe4\xff;") },
  { name: "a braced variable in a bare word", config: inLocation("return 200 a${host}b;") },
  { name: "an IPv6 address in proxy_pass", config: inLocation("proxy_pass http://[::1]:8080/x;") },
  {
    name: "a unix socket with a URI in proxy_pass",
    config: inLocation("proxy_pass http://unix:/a.sock:/b;"),
  },
]

describe("what nginx takes", { concurrency: 4 }, () => {
  for (const item of CASES) it(item.name, () => check(item))
})

async function check({ name, config, warnings = [] }: Accepted): Promise<void> {
  const dir = makeTempFolder("accepted")
  mkdirSync(join(dir, "logs"))
  const port = String(await freePort())
  const fill = (text: string): string => text.replaceAll("{dir}", dir).replaceAll("{port}", port)
  const file = join(dir, "test.conf")
  const expected = (program: string): string =>
    warnings.map((text) => `${program}: [warn] ${fill(text)}\n`).join("") +
    `${program}: the configuration file ${file} syntax is ok\n` +
    `${program}: configuration file ${file} test is successful\n`
  writeFileSync(file, holdfastProgram.prepare(fill(config), dir), "latin1")
  const result = await runHoldfast(["-t", "-c", file, "-p", dir])
  assert.equal(result.stderr, expected("holdfast"), name)
  assert.equal(result.status, 0)
  if (nginxMissing() !== false) return
  writeFileSync(file, nginxProgram.prepare(fill(config), dir), "latin1")
  const theirs = await run(nginxProgram.command, ["-t", "-c", file, "-p", dir, "-e", join(dir, "start.log")])
  assert.equal(theirs.stderr, expected("nginx"), "nginx says something else")
}
