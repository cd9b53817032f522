import { issueCertificate, TestAuthority } from "../support/certificates.ts"
import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"
import type { WireTarget } from "./client-script.ts"

type Tls = NonNullable<WireTarget["tls"]>

// Said aloud, as TLS 1.3 is on by default only since 1.27.3.
const PROTOCOLS = "ssl_protocols TLSv1.2 TLSv1.3;"

const server = (name: string, more = PROTOCOLS): string =>
  `server { listen {listen} ssl; server_name ${name}; ssl_certificate {crt:${name}}; ssl_certificate_key {key:${name}};
   ${more} location / { return 200 "${name} [$ssl_server_name] $host $scheme $https\\n"; } }\n`

/** One TLS connection, what it came to, and one request on it. */
function secured(
  name: string,
  servers: string,
  tls: Tls | (() => Promise<Tls>),
  status: number,
  more: Partial<ComparisonCase> & { host?: string } = {},
): ComparisonCase {
  const { host = "a.test", ...rest } = more
  return {
    name,
    servers,
    send: async (wire) => {
      await wire.connect({ tls: typeof tls === "function" ? await tls() : tls })
      await wire.noteTls()
      await wire.exchange(get("/").replace("a.test", host))
      await wire.probe()
    },
    status,
    ...rest,
  }
}

/** A TLS handshake that is to fail. With which alert is not compared: that is the library's affair. */
function failing(name: string, servers: string, tls: Tls): ComparisonCase {
  return {
    name,
    servers,
    send: async (wire) => {
      const outcome = await wire.connect({ tls }).then(
        () => "connected",
        () => "refused",
      )
      wire.note(outcome)
    },
    status: [],
  }
}

const CLIENT_VARIABLES = "$ssl_client_verify [$ssl_client_s_dn] [$ssl_client_i_dn]"

/** A server that asks for client certificates. */
const asking = (directives: string): string =>
  `server { listen {listen} ssl; ssl_certificate {crt:a.test}; ssl_certificate_key {key:a.test}; ssl_client_certificate {ca}; ${PROTOCOLS} ${directives}
   location / { return 200 "${CLIENT_VARIABLES}\\n"; } }`

async function clientCertificate(): Promise<Tls> {
  const leaf = await issueCertificate(["client.test"])
  return { servername: "a.test", cert: leaf.certificate, key: leaf.key }
}

async function strangersCertificate(): Promise<Tls> {
  const stranger = await TestAuthority.create("A stranger")
  const leaf = await stranger.issue({ names: ["stranger.test"] })
  return { servername: "a.test", cert: leaf.certificate, key: leaf.key }
}

/** An edge that speaks TLS to its backend. */
function upstreamTls(
  name: string,
  directives: string,
  status: number,
  certificate = "up.test",
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name: `to the backend: ${name}`,
    server: `error_log {prefix}/logs/{id}.err error; location / { ${HTTP_1_1} proxy_pass https://{b}; ${directives} } # {ca}`,
    secureBackends: { b: { certificate, script: httpAnswer("secret") } },
    send: get("/"),
    status,
    ...more,
  }
}

const VERIFY = "proxy_ssl_verify on; proxy_ssl_trusted_certificate {ca};"

export const tlsCases: readonly ComparisonCase[] = [
  secured("TLS 1.3", server("a.test"), { servername: "a.test", minVersion: "TLSv1.3" }, 200),
  secured(
    "TLS 1.3 by default",
    server("a.test", ""),
    { servername: "a.test", ciphers: "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256" },
    200,
    {
      differs: {
        why: "TLS 1.3 is on by default since 1.27.3",
        holdfast: ({ client }) => ({
          client: [
            String(client[0]).replace(
              "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256",
              "TLSv1.3 TLS_AES_128_GCM_SHA256",
            ),
            ...client.slice(1),
          ],
        }),
      },
    },
  ),
  secured(
    "TLS 1.2",
    server("a.test"),
    { servername: "a.test", maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" },
    200,
  ),
  secured("the first server without SNI", server("a.test") + server("b.test"), {}, 200),
  secured("SNI chooses the certificate", server("a.test") + server("b.test"), { servername: "b.test" }, 200, {
    host: "b.test",
  }),
  secured("SNI by a wildcard", server("a.test") + server("*.w.test"), { servername: "x.w.test" }, 200, {
    host: "x.w.test",
  }),
  secured(
    "an unknown name in SNI gets the first server",
    server("a.test") + server("b.test"),
    { servername: "zzz.test" },
    200,
  ),
  secured("SNI in other case", server("a.test") + server("b.test"), { servername: "B.TEST" }, 200, {
    host: "b.test",
  }),
  secured(
    "SNI and Host differ: Host chooses the server",
    server("a.test") + server("b.test"),
    { servername: "b.test" },
    200,
    { host: "a.test" },
  ),
  secured(
    "default_server for TLS",
    server("a.test") + server("b.test").replace("ssl;", "ssl default_server;"),
    { servername: "none.test" },
    200,
    { host: "none.test" },
  ),
  ...(["ecdsa", "rsa"] as const).map((type) =>
    secured(
      `two certificates, a client that takes ${type}`,
      'server { listen {listen} ssl; ssl_certificate {crt:a.test}; ssl_certificate_key {key:a.test}; ssl_certificate {crt:rsa:a.test}; ssl_certificate_key {key:rsa:a.test}; return 200 "x"; }',
      {
        servername: "a.test",
        maxVersion: "TLSv1.2",
        ciphers: `ECDHE-${type.toUpperCase()}-AES256-GCM-SHA384`,
      },
      200,
    ),
  ),
  failing("ssl_protocols refuses TLS 1.2", server("a.test", "ssl_protocols TLSv1.3;"), {
    servername: "a.test",
    maxVersion: "TLSv1.2",
  }),
  secured(
    "ssl_protocols TLSv1.2 alone",
    server("a.test", "ssl_protocols TLSv1.2;"),
    { servername: "a.test" },
    200,
    {},
  ),
  failing(
    "ssl_ciphers that the client does not have",
    server("a.test", "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-ECDSA-AES256-GCM-SHA384;"),
    {
      servername: "a.test",
      maxVersion: "TLSv1.2",
      ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256",
    },
  ),
  secured(
    "ssl_prefer_server_ciphers",
    server(
      "a.test",
      "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256; ssl_prefer_server_ciphers on;",
    ),
    {
      servername: "a.test",
      ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384",
    },
    200,
  ),
  secured(
    "the client's order of ciphers",
    server(
      "a.test",
      "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256;",
    ),
    {
      servername: "a.test",
      ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384",
    },
    200,
  ),
  failing(
    "ssl_reject_handshake",
    `server { listen {listen} ssl default_server; ${PROTOCOLS} ssl_reject_handshake on; } ${server("a.test")}`,
    { servername: "other.test" },
  ),
  secured(
    "ssl_reject_handshake beside a server with a name",
    `server { listen {listen} ssl default_server; ${PROTOCOLS} ssl_reject_handshake on; } ${server("a.test")}`,
    { servername: "a.test" },
    200,
  ),
  {
    name: "plain HTTP to a TLS port",
    servers: server("a.test"),
    send: get("/"),
    status: 400,
  },
  {
    name: "plain HTTP to a TLS port with a page for 497",
    servers: server("a.test", "error_page 497 https://$host$request_uri;"),
    send: get("/x?y"),
    status: 302,
  },
  {
    name: "garbage to a TLS port",
    servers: server("a.test"),
    send: async (wire) => {
      await wire.send("\x16\x03\x01\x00\x05hello")
      await (await wire.client()).readToEnd()
      wire.note("closed")
    },
    status: [],
  },
  secured(
    "a client certificate where it is required",
    asking("ssl_verify_client on;"),
    clientCertificate,
    200,
  ),
  secured(
    "no client certificate where it is required",
    asking("ssl_verify_client on;"),
    { servername: "a.test" },
    400,
  ),
  secured(
    "a stranger's certificate where one is required",
    asking("ssl_verify_client on;"),
    strangersCertificate,
    400,
  ),
  secured(
    "no client certificate where it is optional",
    asking("ssl_verify_client optional;"),
    { servername: "a.test" },
    200,
  ),
  secured(
    "a client certificate where it is optional",
    asking("ssl_verify_client optional;"),
    clientCertificate,
    200,
  ),
  secured(
    "a stranger's certificate where it is optional",
    asking("ssl_verify_client optional;"),
    strangersCertificate,
    400,
  ),
  secured(
    "a stranger's certificate where it is not verified",
    asking("ssl_verify_client optional_no_ca;"),
    strangersCertificate,
    200,
  ),
  secured(
    "a page for a missing client certificate",
    asking('ssl_verify_client on; error_page 496 /e; location = /e { return 200 "please\\n"; }'),
    { servername: "a.test" },
    400,
  ),
  secured("ALPN http/1.1", server("a.test"), { servername: "a.test", ALPNProtocols: ["http/1.1"] }, 200),
  secured(
    "a redirect over TLS",
    `server { listen {listen} ssl; ssl_certificate {crt:a.test}; ssl_certificate_key {key:a.test}; ${PROTOCOLS} return 301 /x; }`,
    { servername: "a.test" },
    301,
  ),
  secured(
    "variables of the connection",
    `server { listen {listen} ssl; ssl_certificate {crt:a.test}; ssl_certificate_key {key:a.test}; ${PROTOCOLS} ssl_session_tickets off;
    return 200 "$ssl_protocol $ssl_cipher $ssl_session_reused $ssl_early_data $scheme $https\\n"; }`,
    { servername: "a.test", maxVersion: "TLSv1.3" },
    200,
  ),
  {
    name: "a WebSocket through TLS",
    servers: `server { listen {listen} ssl; ssl_certificate {crt:a.test}; ssl_certificate_key {key:a.test}; ${PROTOCOLS}
      location / { proxy_pass http://{b}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_set_header X-Forwarded-Proto $scheme; } }`,
    backends: {
      b: { send: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nhi", after: "echo" },
    },
    send: async (wire) => {
      await wire.connect({ tls: { servername: "a.test" } })
      await wire.exchange(get("/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"))
      await wire.bytes(2)
      await wire.send("x".repeat(100_000))
      wire.note(String((await (await wire.client()).readBytes(100_000)).length))
      ;(await wire.client()).halfClose()
      await wire.toEnd()
    },
    status: 101,
  },
  upstreamTls("not verified", "", 200),
  upstreamTls("verified by proxy_ssl_name", `${VERIFY} proxy_ssl_name up.test;`, 200),
  upstreamTls("the name does not fit", `${VERIFY} proxy_ssl_name other.test;`, 502),
  upstreamTls(
    "the authority is unknown",
    `${VERIFY.replace("{ca}", "{crt:alone.test}")} proxy_ssl_name up.test;`,
    502,
  ),
  upstreamTls("SNI", `proxy_ssl_server_name on; proxy_ssl_name up.test; ${VERIFY}`, 200),
  upstreamTls("plain HTTP where TLS is spoken", "", 502, "up.test", {
    secureBackends: {},
    backends: { b: { on: "connect", send: "HTTP/1.1 400 Bad Request\r\n\r\n" } },
  }),
  upstreamTls(
    "with a client certificate",
    "proxy_ssl_certificate {crt:edge.test}; proxy_ssl_certificate_key {key:edge.test};",
    200,
    "up.test",
    {
      secureBackends: {
        b: {
          certificate: "up.test",
          script: httpAnswer("known"),
          options: { requestCert: true, rejectUnauthorized: true },
        },
      },
    },
  ),
]
