/** What `holdfast graph` knows of a configuration. */
import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { itemsOf, onlyServers } from "../../src/check/graph/graph.ts"
import { websocketReadTimeout } from "../../src/check/rules/websocket-read-timeout.ts"
import { guideConfiguration } from "../../src/demo/guide.conf.ts"
import { edgeTexts, graphOf, rowOf, rowTexts, serverOf } from "./graph/draw.ts"

const GUIDE = guideConfiguration({
  httpPort: 80,
  httpsPort: 443,
  webSocketBackends: ["192.168.10.20:3000", "192.168.10.21:3000"],
  appBackends: ["192.168.10.20:8080", "192.168.10.21:8080"],
})

describe("the guide's configuration", () => {
  const graph = graphOf(GUIDE)

  test("has the ways of its requests", () => {
    assert.deepEqual(edgeTexts(graph), [
      "every request -> localhost: redirect 301",
      "/ws/ -> ws_backend: passes websocket",
      "/ -> app_backend: passes",
      "127.0.0.1:80 -> localhost: accepts",
      "127.0.0.1:443 -> localhost: accepts websocket",
    ])
    assert.deepEqual(
      graph.listeners.map(({ title, tags, isWebSocket }) => [title, tags.includes("ssl"), isWebSocket]),
      [
        ["127.0.0.1:80", false, false],
        ["127.0.0.1:443", true, true],
      ],
    )
  })

  test("names methods and peers", () => {
    const [group] = graph.destinations
    assert.equal(group?.notes[0], "ip_hash · keepalive 64")
    assert.deepEqual(
      group?.peers.map(({ address }) => address),
      ["192.168.10.20:3000", "192.168.10.21:3000"],
    )
  })

  test("the redirect goes to the server of the other port", () => {
    const [plain, secure] = graph.servers
    const edge = graph.edges.find(({ kind }) => kind === "redirect")
    assert.equal(edge?.to, secure?.id)
    assert.equal(edge?.from, plain?.rows[0]?.id)
  })
})

describe("the order of locations", () => {
  test("exact, ^~, regular expressions in their order, prefixes by length, named", () => {
    const graph = graphOf(`server {
      location / { }
      location @b { }
      location ~ \\.php$ { }
      location /ws { }
      location ^~ /a/ { }
      location ~* \\.js$ { }
      location /ws/chat/ { }
      location = /x { }
      location ^~ /a/longer/ { }
      location = /longest { }
      location @a { }
    }`)
    assert.deepEqual(rowTexts(serverOf(graph)), [
      "1 = /x",
      "2 = /longest",
      "3 ^~ /a/longer/",
      "4 ^~ /a/",
      "5 ~ \\.php$",
      "6 ~* \\.js$",
      "7 /ws/chat/",
      "8 /ws",
      "9 /",
      "@b",
      "@a",
    ])
  })

  test("nested ones stand below theirs", () => {
    const graph = graphOf(`server {
      location / { }
      location /a/ { location /a/b/ { location ~ x { } } location = /a/ { } }
    }`)
    assert.deepEqual(rowTexts(serverOf(graph)), ["1 /a/", "1.1 = /a/", "1.2 /a/b/", "1.2.1 ~ x", "2 /"])
    assert.equal(rowOf(graph, "~ x").depth, 2)
  })

  test("behind a return of the server none is reached", () => {
    const graph = graphOf("server { return 301 https://other.example$request_uri; location /ws/ { } }")
    assert.equal(rowOf(graph, "/ws/").isReached, false)
    assert.equal(rowOf(graph, "every request").isReached, true)
  })

  test("a return under a condition leaves them", () => {
    const graph = graphOf('server { if ($http_x = "") { return 403; } location /ws/ { } }')
    assert.deepEqual(rowTexts(serverOf(graph)), ['if ($http_x = "")', "1 /ws/"])
    assert.equal(rowOf(graph, "/ws/").isReached, true)
  })
})

describe("listeners", () => {
  test("the first server of an address is its default, or the one that says so", () => {
    const graph = graphOf(`
      server { listen 80; server_name a; }
      server { listen 80; listen 81; server_name b; }
      server { listen 81 default_server; server_name c; }`)
    assert.deepEqual(
      graph.servers.map(({ title, defaultFor }) => [title, ...defaultFor]),
      [["a", "*:80"], ["b"], ["c", "*:81"]],
    )
  })

  test("addresses of one port with the same servers are one", () => {
    const graph = graphOf(`
      server { listen 80; listen [::]:80; server_name a; }
      server { listen 80; listen [::]:80; listen 127.0.0.1:8080; server_name b; }`)
    assert.deepEqual(
      graph.listeners.map(({ title, notes }) => [title, ...notes]),
      [["*:80", "[::]:80"], ["127.0.0.1:8080"]],
    )
  })

  test("a server that listens nowhere is at port 80", () => {
    const graph = graphOf("server { server_name a; }")
    assert.deepEqual(edgeTexts(graph), ["*:80 -> a: accepts"])
  })

  test("sockets of the file system, TLS, HTTP/2", () => {
    const graph = graphOf("server { listen unix:/run/x; listen 443 ssl; http2 on; }")
    assert.deepEqual(
      graph.listeners.map(({ title, tags }) => [title, ...tags]),
      [
        ["unix:/run/x", "http2"],
        ["*:443", "ssl", "http2"],
      ],
    )
  })
})

describe("where requests go", () => {
  const edges = (config: string): string[] =>
    edgeTexts(graphOf(config)).filter((text) => !text.includes("accepts"))

  test("a map's values", () => {
    const found = edges(`map $cookie_beta $app { default stable; 1 beta; "" ""; }
      upstream stable { server 127.0.0.1:1; } upstream beta { server 127.0.0.1:2; }
      server { location / { proxy_pass http://$app; } }`)
    assert.deepEqual(found, ["/ -> stable: passes choice", "/ -> beta: passes choice"])
  })

  test("the value of set, with a path behind it", () => {
    const found = edges(`server { set $path $request_uri;
      location / { set $to http://127.0.0.1:3000; proxy_pass $to$path; } }`)
    assert.deepEqual(found, ["/ -> 127.0.0.1:3000: passes"])
  })

  test("a variable that may be anything stays one", () => {
    const found = edges("server { location / { proxy_pass http://$http_host$request_uri; } }")
    assert.deepEqual(found, ["/ -> $http_host: passes"])
  })

  test("a map with an entry that is not known here has it beside the others", () => {
    const found = edges(`map $host $app { a.example one; default $http_x_pool; }
      upstream one { server 127.0.0.1:1; } server { location / { proxy_pass http://$app; } }`)
    assert.deepEqual(found, ["/ -> one: passes choice", "/ -> $app: passes choice"])
  })

  test("a variable of itself does not run for ever", () => {
    const found = edges("server { location / { set $a $a.x; proxy_pass http://$a; } }")
    assert.deepEqual(found, ["/ -> $a: passes"])
  })

  test("other protocols, sockets, if", () => {
    const found = edges(`upstream php { server unix:/run/php.sock; } server {
      location ~ \\.php$ { fastcgi_pass php; }
      location /g { grpc_pass grpcs://127.0.0.1:50051; }
      location /u { proxy_pass http://unix:/run/u.sock:/x/; }
      location /i { if ($http_upgrade) { proxy_pass http://127.0.0.1:2; } proxy_pass http://127.0.0.1:1; } }`)
    assert.deepEqual(found, [
      "~ \\.php$ -> php: passes",
      "/g -> 127.0.0.1:50051: passes",
      "/u -> unix:/run/u.sock: passes",
      "/i -> 127.0.0.1:1: passes choice",
      "/i -> 127.0.0.1:2: passes choice",
    ])
  })

  test("a group that nothing uses, and one that a variable may name", () => {
    const unused = graphOf("upstream a { server 127.0.0.1:1; } server { }")
    assert.deepEqual(
      unused.destinations.map(({ isUsed }) => isUsed),
      [false],
    )
    const open = graphOf(
      "upstream a { server 127.0.0.1:1; } server { location / { proxy_pass http://$arg_x; } }",
    )
    assert.deepEqual(
      open.destinations.map(({ isUsed }) => isUsed),
      [true, true],
    )
  })
})

describe("ways within", () => {
  const edges = (config: string): string[] =>
    edgeTexts(graphOf(config)).filter((text) => !/: (?:accepts|passes)/.test(text))

  test("error pages, named locations, auth_request, try_files", () => {
    const found = edges(`server { server_name s; error_page 502 504 /sorry.html;
      location / { try_files $uri @app; error_page 404 = @app; }
      location /ws/ { auth_request /auth; error_page 401 =302 /login?x=1; }
      location = /auth { internal; } location /login { } location = /sorry.html { } location @app { } }`)
    assert.deepEqual(found, [
      "s -> = /sorry.html: error 502 504",
      "/ -> @app: internal try_files",
      "/ -> @app: error 404",
      "/ws/ -> = /auth: auth auth_request",
      "/ws/ -> /login: error 401",
    ])
  })

  test("redirects to other servers and paths", () => {
    const found = edges(`
      server { listen 80; server_name a.example; if ($host = a.example) { return 301 https://$host$request_uri; } return 404; }
      server { listen 443 ssl; server_name a.example; rewrite ^/old /new permanent; location = /new { }
        location /go { return 302 https://b.example:8443/x; } location / { return 301 https://elsewhere.example/; } }
      server { listen 8443 ssl; server_name *.example; }`)
    assert.deepEqual(found, [
      "if ($host = a.example) -> a.example: redirect 301",
      "rewrite ^/old -> = /new: redirect",
      "/go -> *.example: redirect 302",
    ])
  })
})

describe("findings", () => {
  const SOCKET =
    "proxy_pass http://127.0.0.1:1; proxy_set_header Upgrade $http_upgrade; proxy_read_timeout 5s;"

  test("are at the location that they point into", () => {
    const graph = graphOf(`server { location / { } location /ws/ { ${SOCKET} } }`, {
      rules: [websocketReadTimeout],
    })
    assert.deepEqual(rowOf(graph, "/ws/").findings, [0])
    assert.deepEqual(rowOf(graph, "/").findings, [])
  })

  test("of a file that two locations include are at both", () => {
    const graph = graphOf("server { location /a { include ws.conf; } location /b { include ws.conf; } }", {
      rules: [websocketReadTimeout],
      files: { "./ws.conf": SOCKET },
    })
    assert.equal(graph.findings.length, 1)
    assert.deepEqual([rowOf(graph, "/a").findings, rowOf(graph, "/b").findings], [[0], [0]])
  })

  test("of servers that are left out are left out, too", () => {
    const graph = graphOf(
      `upstream u { server 127.0.0.1:9; }
      server { server_name a; location /ws/ { ${SOCKET} } }
      server { server_name b x.b; location /ws/ { ${SOCKET} } location / { proxy_pass http://u; } }`,
      { rules: [websocketReadTimeout] },
    )
    const only = onlyServers(graph, "X.b")
    assert.ok(only !== null)
    assert.deepEqual(
      itemsOf(only).map(({ title }) => title),
      ["*:80", "b", "/ws/", "/", "127.0.0.1:1", "u"],
    )
    assert.deepEqual([only.findings.length, rowOf(only, "/ws/").findings], [1, [0]])
    assert.equal(only.findings[0]?.line, 3)
    assert.equal(onlyServers(graph, "c"), null)
  })

  test("a pattern that takes the name will do where no server has it", () => {
    const graph = graphOf(
      "server { server_name a.b; } server { server_name *.b; } server { server_name ~^c; }",
    )
    const namesOf = (name: string): (readonly string[])[] | undefined =>
      onlyServers(graph, name)?.servers.map(({ names }) => names)
    assert.deepEqual(namesOf("a.b"), [["a.b"]])
    assert.deepEqual(namesOf("x.b"), [["*.b"]])
    assert.deepEqual(namesOf("cc"), [["~^c"]])
    assert.equal(namesOf("d"), undefined)
  })
})
