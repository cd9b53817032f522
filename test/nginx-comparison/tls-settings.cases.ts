import { issueCertificate, TestAuthority } from "../support/certificates.ts"
import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"
import type { WireTarget } from "./client-script.ts"
import { revocationFiles } from "./tls-files.ts"

type Tls = NonNullable<WireTarget["tls"]>

const PROTOCOLS = "ssl_protocols TLSv1.2 TLSv1.3;"
const LOG = "error_log {prefix}/logs/{id}.err error;"
const { crl, expiredCrl } = await revocationFiles()
const inline = await issueCertificate(["inline.test"])

/** One TLS connection, what it came to, and one request on it. */
function secured(
  name: string,
  servers: string,
  tls: Tls,
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name,
    servers,
    send: async (wire) => {
      await wire.connect({ tls })
      await wire.noteTls()
      await wire.exchange(get("/"))
      await wire.probe()
    },
    status: 200,
    ...more,
  }
}

/** A handshake that is to fail, and the client's name for the alert that says so. */
function failing(
  name: string,
  servers: string,
  tls: Tls,
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name,
    servers,
    send: async (wire) => {
      const outcome = await wire.connect({ tls }).then(
        () => "connected",
        (error: NodeJS.ErrnoException) => `refused: ${error.code}`,
      )
      wire.note(outcome)
    },
    status: [],
    ...more,
  }
}

const server = (directives: string): string =>
  `server { listen {listen} ssl; ${PROTOCOLS} ${directives} location / { return 200 "$ssl_protocol $ssl_cipher $ssl_server_name\\n"; } }\n`
const CERTIFICATE = "ssl_certificate {crt:a.test}; ssl_certificate_key {key:a.test};"

// --- variables

/** Maps from the names that clients ask for to files. */
const MAPS = `map $ssl_server_name $crt_{id} { a.test {crt:a.test}; b.test {crt:b.test}; mixed.test {crt:a.test}; nokey.test {crt:a.test}; "" {crt:b.test}; default /none/$ssl_server_name.crt; }
  map $ssl_server_name $key_{id} { a.test {key:a.test}; b.test {key:b.test}; mixed.test {key:b.test}; nokey.test /none/key; "" {key:b.test}; default /none/$ssl_server_name.key; }`
const VARIABLES = { http: MAPS }
const variable = (more = ""): string =>
  server(`ssl_certificate $crt_{id}; ssl_certificate_key $key_{id}; ${more}`)

const alike = (names: readonly string[]): ComparisonCase[] =>
  names.map((servername) =>
    failing(`variables: no certificate for ${servername}`, variable(), { servername }, VARIABLES),
  )

const variableCases: readonly ComparisonCase[] = [
  secured("variables: one name", variable(), { servername: "a.test" }, VARIABLES),
  secured("variables: another name", variable(), { servername: "b.test" }, VARIABLES),
  secured(
    "variables: another name, TLS 1.2",
    variable(),
    { servername: "b.test", maxVersion: "TLSv1.2" },
    VARIABLES,
  ),
  secured("variables: no name", variable(), {}, VARIABLES),
  ...alike(["c.test", "mixed.test", "nokey.test"]),
  secured(
    "variables: in the certificate alone",
    server("ssl_certificate $crt_{id}; ssl_certificate_key {key:a.test};"),
    { servername: "a.test" },
    VARIABLES,
  ),
  secured(
    "variables: in the key alone",
    server("ssl_certificate {crt:b.test}; ssl_certificate_key $key_{id};"),
    { servername: "b.test" },
    VARIABLES,
  ),
  ...(["ECDSA", "RSA"] as const).map((type) =>
    secured(
      `variables: of two certificates, ${type}`,
      server(
        "ssl_certificate $crt_{id}; ssl_certificate_key $key_{id}; ssl_certificate {crt:rsa:a.test}; ssl_certificate_key {key:rsa:a.test};",
      ),
      { servername: "a.test", maxVersion: "TLSv1.2", ciphers: `ECDHE-${type}-AES256-GCM-SHA384` },
      VARIABLES,
    ),
  ),
  secured(
    "variables: $server_name",
    `${server("server_name first.test; ssl_certificate $by_name_{id}; ssl_certificate_key $key_by_name_{id};")}
     ${server("server_name second.test; ssl_certificate $by_name_{id}; ssl_certificate_key $key_by_name_{id};")}`,
    { servername: "second.test" },
    {
      http: `map $server_name $by_name_{id} { first.test {crt:a.test}; second.test {crt:b.test}; }
        map $server_name $key_by_name_{id} { first.test {key:a.test}; second.test {key:b.test}; }`,
    },
  ),
  secured(
    "variables: the client's address",
    server("ssl_certificate $by_addr_{id}; ssl_certificate_key {key:b.test};"),
    { servername: "a.test" },
    { http: "map $remote_addr:$server_port $by_addr_{id} { 127.0.0.1:{port} {crt:b.test}; default /none; }" },
  ),
  secured(
    "variables: a client's certificate is asked for",
    variable("ssl_verify_client optional_no_ca;"),
    { servername: "a.test" },
    VARIABLES,
  ),
  secured(
    "variables: data:",
    server("ssl_certificate $data_{id}; ssl_certificate_key $data_key_{id};"),
    { servername: "a.test" },
    {
      http: `map $ssl_server_name $data_{id} { default "data:${inline.certificate}"; }
        map $ssl_server_name $data_key_{id} { default "data:${inline.key}"; }`,
    },
  ),
  secured(
    "two certificates of one type: the last one counts",
    server(`${CERTIFICATE} ssl_certificate {crt:b.test}; ssl_certificate_key {key:b.test};`),
    { servername: "a.test" },
  ),
  secured(
    "data: without variables",
    server(`ssl_certificate "data:${inline.certificate}"; ssl_certificate_key "data:${inline.key}";`),
    { servername: "a.test" },
  ),
]

// --- revocation

const asking = (directives: string): string =>
  `server { listen {listen} ssl; ${CERTIFICATE} ssl_client_certificate {ca}; ${PROTOCOLS} ${directives}
   location / { return 200 "$ssl_client_verify [$ssl_client_s_dn]\\n"; } }`

async function shown(name: string): Promise<Tls> {
  const leaf = await issueCertificate([name])
  return { servername: "a.test", cert: leaf.certificate, key: leaf.key }
}

/** A request with a certificate of that name. */
function revocation(name: string, directives: string, certificate: string, status: number): ComparisonCase {
  return {
    name,
    servers: asking(directives),
    send: async (wire) => {
      await wire.connect({ tls: await shown(certificate) })
      await wire.exchange(get("/"))
      await wire.probe()
    },
    status,
  }
}

async function strangers(): Promise<Tls> {
  const stranger = await TestAuthority.create("A stranger of lists")
  const leaf = await stranger.issue({ names: ["stranger.test"] })
  return { servername: "a.test", cert: leaf.certificate, key: leaf.key }
}

const revocationCases: readonly ComparisonCase[] = [
  revocation(
    "ssl_crl: a certificate that is not in it",
    `ssl_verify_client on; ssl_crl ${crl};`,
    "client.test",
    200,
  ),
  revocation("ssl_crl: a revoked certificate", `ssl_verify_client on; ssl_crl ${crl};`, "revoked.test", 400),
  revocation(
    "ssl_crl: a revoked certificate, optional",
    `ssl_verify_client optional; ssl_crl ${crl};`,
    "revoked.test",
    400,
  ),
  revocation(
    "ssl_crl: a revoked certificate is no matter of authorities",
    `ssl_verify_client optional_no_ca; ssl_crl ${crl};`,
    "revoked.test",
    400,
  ),
  revocation(
    "ssl_crl: a list beyond its time",
    `ssl_verify_client on; ssl_crl ${expiredCrl};`,
    "client.test",
    400,
  ),
  revocation("ssl_crl where nobody is asked", `ssl_crl ${crl};`, "revoked.test", 200),
  {
    name: "ssl_crl: a stranger, whose authority has no list",
    servers: asking(`ssl_verify_client on; ssl_crl ${crl};`),
    send: async (wire) => {
      await wire.connect({ tls: await strangers() })
      await wire.exchange(get("/"))
      await wire.probe()
    },
    status: 400,
  },
]

// --- to backends

function upstream(
  name: string,
  directives: string,
  status: number,
  more: Partial<ComparisonCase> = {},
  certificate = "up.test",
): ComparisonCase {
  return {
    name: `to the backend: ${name}`,
    server: `${LOG} location / { ${HTTP_1_1} proxy_pass https://{b}; ${directives} } # {ca} {crt:edge.test} {key:edge.test}`,
    secureBackends: { b: { certificate, script: httpAnswer("secret") } },
    send: get("/"),
    status,
    ...more,
  }
}

const VERIFY = "proxy_ssl_verify on; proxy_ssl_trusted_certificate {ca};"
const MUTUAL = { requestCert: true, rejectUnauthorized: true }
const mutual = { b: { certificate: "up.test", script: httpAnswer("known"), options: MUTUAL } }
const EDGE_MAP = {
  http: `map $http_x $edge_crt_{id} { good {crt:edge.test}; none ""; default /none/$http_x.crt; }
    map $http_x $edge_key_{id} { good {key:edge.test}; default /none/$http_x.key; }`,
}
const EDGE = "proxy_ssl_certificate $edge_crt_{id}; proxy_ssl_certificate_key $edge_key_{id};"

/** The upstream is chosen after the certificate is there; nginx has connected by then. */
const EARLIER = {
  why: "the certificate is loaded before an upstream is asked",
  holdfast: ({ errorLog, backends }: { errorLog: readonly string[]; backends: object }) => ({
    errorLog: errorLog.map((line) =>
      line.replace(" while connecting to upstream", "").replace(/, upstream: "[^"]*"/, ""),
    ),
    backends: { ...backends } as Record<string, string>,
  }),
}

const upstreamCases: readonly ComparisonCase[] = [
  upstream("proxy_ssl_crl: not in it", `${VERIFY} proxy_ssl_crl ${crl}; proxy_ssl_name up.test;`, 200),
  upstream(
    "proxy_ssl_crl: revoked",
    `${VERIFY} proxy_ssl_crl ${crl}; proxy_ssl_name revoked.test;`,
    502,
    {},
    "revoked.test",
  ),
  upstream(
    "proxy_ssl_crl: beyond its time",
    `${VERIFY} proxy_ssl_crl ${expiredCrl}; proxy_ssl_name up.test;`,
    502,
  ),
  upstream("proxy_ssl_crl without verification", `proxy_ssl_crl ${crl};`, 200, {}, "revoked.test"),
  upstream(
    "proxy_ssl_conf_command: a version that is not there",
    "proxy_ssl_conf_command MaxProtocol TLSv1.2;",
    502,
    {
      secureBackends: {
        b: { certificate: "up.test", script: httpAnswer("x"), options: { minVersion: "TLSv1.3" } },
      },
    },
  ),
  upstream(
    "proxy_ssl_conf_command: suites and groups",
    "proxy_ssl_protocols TLSv1.3; proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; proxy_ssl_conf_command Groups P-384;",
    200,
  ),
  upstream("certificates by variable", EDGE, 200, {
    ...EDGE_MAP,
    secureBackends: mutual,
    send: get("/", "X: good\r\n"),
  }),
  upstream("certificates by variable: none", EDGE, 502, {
    ...EDGE_MAP,
    secureBackends: mutual,
    send: async (wire) => {
      // In TLS 1.3 the backend refuses when the handshake is over for its client: what is logged is a race.
      await wire.exchange(get("/", "X: none\r\n"))
    },
    server: `location / { ${HTTP_1_1} proxy_pass https://{b}; ${EDGE} proxy_ssl_protocols TLSv1.2; }`,
  }),
  upstream("certificates by variable: not there", EDGE, 500, {
    ...EDGE_MAP,
    secureBackends: mutual,
    send: get("/", "X: bad\r\n"),
    probe: false,
    differs: EARLIER,
  }),
]

// --- ssl_conf_command

const TLS12 = { servername: "a.test", maxVersion: "TLSv1.2" } as const
const TLS13 = { servername: "a.test", minVersion: "TLSv1.3" } as const
const command = (...commands: readonly string[]): string =>
  server(`${CERTIFICATE} ${commands.map((text) => `ssl_conf_command ${text};`).join(" ")}`)

const commandCases: readonly ComparisonCase[] = [
  secured("ssl_conf_command: Ciphersuites", command("Ciphersuites TLS_AES_128_GCM_SHA256"), TLS13),
  failing("ssl_conf_command: MinProtocol", command("MinProtocol TLSv1.3"), TLS12),
  failing("ssl_conf_command: MaxProtocol", command("MaxProtocol TLSv1.2"), TLS13),
  failing("ssl_conf_command: Protocol", command("Protocol -TLSv1.3"), TLS13),
  secured("ssl_conf_command: Protocol ALL, less one", command("Protocol ALL,-TLSv1.3"), {
    servername: "a.test",
  }),
  secured("ssl_conf_command: CipherString", command("CipherString ECDHE-ECDSA-CHACHA20-POLY1305"), TLS12),
  secured(
    "ssl_conf_command: ServerPreference",
    command(
      "CipherString ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256",
      "Options ServerPreference",
    ),
    { ...TLS12, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305" },
  ),
  secured(
    "ssl_conf_command: PrioritizeChaCha for a client that has it first",
    command("Options ServerPreference,PrioritizeChaCha"),
    { ...TLS13, ciphers: "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384" },
  ),
  secured(
    "ssl_conf_command: PrioritizeChaCha for a client that has it last",
    command("Options ServerPreference,PrioritizeChaCha"),
    { ...TLS13, ciphers: "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256" },
  ),
  failing("ssl_conf_command: Groups", command("Groups P-384"), { servername: "a.test", ecdhCurve: "X25519" }),
  secured("ssl_conf_command: Curves", command("Curves P-384:X25519"), {
    servername: "a.test",
    ecdhCurve: "P-384",
  }),
  failing("ssl_conf_command: SignatureAlgorithms", command("SignatureAlgorithms ECDSA+SHA384"), {
    servername: "a.test",
    sigalgs: "ECDSA+SHA256",
  }),
  secured(
    "ssl_conf_command: names in other case",
    command("options SERVERPREFERENCE", "ciphersuites TLS_AES_128_GCM_SHA256"),
    TLS13,
  ),
  secured(
    "ssl_conf_command: the last one counts",
    command("MaxProtocol TLSv1.2", "MaxProtocol TLSv1.3"),
    TLS13,
  ),
  secured(
    "ssl_conf_command: what cannot be seen",
    command("Options KTLS,-Compression,NoRenegotiation"),
    TLS13,
  ),
  secured(
    "ssl_conf_command: a server's own take the place of the common ones",
    `${server(`${CERTIFICATE} ssl_conf_command Options ServerPreference;`)}`,
    TLS13,
  ),
]

export const tlsSettingsCases: readonly ComparisonCase[] = [
  ...variableCases,
  ...revocationCases,
  ...upstreamCases,
  ...commandCases,
]
