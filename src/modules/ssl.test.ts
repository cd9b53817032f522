import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import tls from "node:tls"
import { type Certificate, TestAuthority, testAuthority } from "../../test/support/certificates.ts"
import type { Edge } from "../../test/support/edge.ts"
import { runHoldfast, startHoldfast } from "../../test/support/holdfast.ts"
import { nginxMissing, startNginx } from "../../test/support/nginx.ts"
import { freePort } from "../../test/support/ports.ts"
import { makeTempFolder } from "../../test/support/temp.ts"

const folder = makeTempFolder("ssl")
let authority: TestAuthority
let ecdsa: Certificate
let rsa: Certificate
let client: Certificate
let stranger: Certificate
let expired: Certificate
let named: Certificate

before(async () => {
  authority = await testAuthority()
  ecdsa = await authority.issue({ names: ["one.test"] })
  rsa = await authority.issue({ names: ["one.test"], keyType: "rsa" })
  client = await authority.issue({ names: ["client.test"], keyType: "rsa" })
  expired = await authority.issue({ names: ["late.test"], days: -1 })
  stranger = await (await TestAuthority.create("Stranger")).issue({ names: ["stranger.test"] })
  named = selfSigned('/C=DE/O=A, \\+ B; "C"/OU=Ünit/CN= x#/emailAddress=a@b.test')
})

/** A certificate of its own with a subject of our choice; the subject's text is UTF-8. */
function selfSigned(subject: string): Certificate {
  const certificateFile = join(folder, "named.crt")
  const keyFile = join(folder, "named.key")
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-utf8"],
      ...[
        "-keyout",
        keyFile,
        "-out",
        certificateFile,
        "-days",
        "10",
        "-set_serial",
        "0x0a1b2",
        "-subj",
        subject,
      ],
    ],
    { stdio: "ignore" },
  )
  const read = (path: string) => execFileSync("cat", [path]).toString("latin1")
  return { certificateFile, keyFile, certificate: read(certificateFile), key: read(keyFile) }
}

const VARIABLES = [
  "ssl_protocol",
  "ssl_cipher",
  "ssl_session_reused",
  "ssl_server_name",
  "ssl_alpn_protocol",
  "ssl_early_data",
  "ssl_client_verify",
  "ssl_client_cert",
  "ssl_client_raw_cert",
  "ssl_client_escaped_cert",
  "ssl_client_s_dn",
  "ssl_client_i_dn",
  "ssl_client_s_dn_legacy",
  "ssl_client_i_dn_legacy",
  "ssl_client_serial",
  "ssl_client_fingerprint",
  "ssl_client_v_start",
  "ssl_client_v_end",
]

function configuration(port: number): string {
  const body = VARIABLES.map((name) => `${name}=[$${name}]`).join(";")
  const server = (name: string, verify: string) => `
    server {
      listen 127.0.0.1:${port} ssl;
      server_name ${name};
      ssl_verify_client ${verify};
      ssl_client_certificate ${authority.own.certificateFile};
      location / { return 200 '${body}'; }
    }`
  return `
    events {}
    http {
      ssl_protocols TLSv1.2 TLSv1.3;
      ssl_certificate ${ecdsa.certificateFile};
      ssl_certificate_key ${ecdsa.keyFile};
      ${server("one.test", "off")} ${server("on.test", "on")} ${server("optional.test", "optional")}
      ${server("noca.test", "optional_no_ca")}
    }`
}

interface Asking {
  readonly servername?: string
  readonly host?: string
  readonly shown?: Certificate
  readonly options?: tls.ConnectionOptions
}

/** One request of its own connection; the whole answer as latin1. */
function ask(port: number, { servername, host, shown, options }: Asking): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: "127.0.0.1",
      port,
      servername,
      cert: shown?.certificate,
      key: shown?.key,
      rejectUnauthorized: false,
      ...options,
    })
    socket.write(`GET / HTTP/1.1\r\nHost: ${host ?? servername}\r\nConnection: close\r\n\r\n`)
    let answer = ""
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1")
    })
    socket.on("error", reject)
    socket.on("end", () => resolve(answer))
  })
}

/** What is compared: status and body, without the name of the server at a page's foot. */
function essence(answer: string): string {
  const [head = "", body = ""] = answer.split(/\r\n\r\n(.*)/s)
  return `${head.split("\r\n", 1)[0]}\n${body.replaceAll(/<center>(nginx|holdfast)[^<]*<\/center>/g, "")}`
}

describe("clients' certificates and variables, as nginx has them", { skip: nginxMissing() }, () => {
  let nginx: Edge
  let holdfast: Edge
  const ports = { nginx: 0, holdfast: 0 }

  before(async () => {
    ports.nginx = await freePort()
    ports.holdfast = await freePort()
    nginx = await startNginx(configuration(ports.nginx))
    holdfast = await startHoldfast(configuration(ports.holdfast))
  })

  after(async () => {
    await nginx?.stop()
    await holdfast?.stop()
  })

  const cases: Record<string, () => Asking> = {
    "none asked for": () => ({ servername: "one.test", shown: client }),
    "no name sent": () => ({ host: "one.test" }),
    "TLS 1.2": () => ({ servername: "one.test", options: { maxVersion: "TLSv1.2" } }),
    ALPN: () => ({ servername: "one.test", options: { ALPNProtocols: ["h2", "http/1.1"] } }),
    "required and good": () => ({ servername: "on.test", shown: client }),
    "required and missing": () => ({ servername: "on.test" }),
    "required and unknown": () => ({ servername: "on.test", shown: stranger }),
    "required and expired": () => ({ servername: "on.test", shown: expired }),
    "optional and good": () => ({ servername: "optional.test", shown: client }),
    "optional and missing": () => ({ servername: "optional.test" }),
    "optional and unknown": () => ({ servername: "optional.test", shown: stranger }),
    "without authorities: unknown": () => ({ servername: "noca.test", shown: stranger }),
    "without authorities: expired": () => ({ servername: "noca.test", shown: expired }),
    "a name of all sorts": () => ({ servername: "noca.test", shown: named }),
    "asked by one server, used at another": () => ({
      servername: "one.test",
      host: "on.test",
      shown: client,
    }),
    "asked by a verifying server, used at one that does not": () => ({
      servername: "on.test",
      host: "one.test",
      shown: client,
    }),
    "required, no name sent": () => ({ host: "on.test" }),
  }
  for (const [name, make] of Object.entries(cases))
    test(name, async () => {
      const asking = make()
      assert.equal(essence(await ask(ports.holdfast, asking)), essence(await ask(ports.nginx, asking)))
    })

  test("the error log says why", async () => {
    await ask(ports.holdfast, { servername: "on.test" })
    await ask(ports.holdfast, { servername: "on.test", shown: stranger })
    await holdfast.waitForLog(/client sent no required SSL certificate while reading client request headers/)
    await holdfast.waitForLog(
      /client SSL certificate verify error: \(\d+:unable to [a-z ]+\) while reading client request headers/,
    )
  })
})

describe("errors of -t", () => {
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content, "latin1")
    return join(folder, name)
  }
  const missing = join(folder, "missing")
  const fopen = (path: string) =>
    `error:80000002:system library::No such file or directory:calling fopen(${path}, r) error:10000080:BIO routines::no such file`

  async function errorOf(lines: string): Promise<string> {
    const path = file(
      "t.conf",
      `events {}\nhttp { access_log off;\nserver {\nlisten 127.0.0.1:1 ssl;\n${lines}\n}\n}\n`,
    )
    const { stderr, status } = await runHoldfast(["-t", "-p", folder, "-c", path, "-e", "stderr"])
    assert.notEqual(stderr, "")
    if (status === 0) return ""
    const line = stderr.split("\n").find((text) => text.includes("[emerg]")) ?? stderr
    return line.slice(line.indexOf("[emerg] ") + 8).replaceAll(path, "t.conf")
  }
  const good = () => `ssl_certificate ${rsa.certificateFile}; ssl_certificate_key ${rsa.keyFile};`

  test("certificates and keys", async () => {
    const garbage = file("garbage", "garbage")
    const cases: [lines: string, error: string][] = [
      [good(), ""],
      [`${good()} ssl_certificate ${ecdsa.certificateFile}; ssl_certificate_key ${ecdsa.keyFile};`, ""],
      ["", `no "ssl_certificate" is defined for the "listen ... ssl" directive in t.conf:3`],
      ["ssl_certificate a.crt;", `no "ssl_certificate_key" is defined for certificate "a.crt"`],
      [
        `ssl_certificate ${missing}; ssl_certificate_key k;`,
        `cannot load certificate "${missing}": BIO_new_file() failed (SSL: ${fopen(missing)})`,
      ],
      [
        `ssl_certificate ${garbage}; ssl_certificate_key k;`,
        `cannot load certificate "${garbage}": PEM_read_bio_X509_AUX() failed (SSL: error:0480006C:PEM routines::no start line:Expecting: TRUSTED CERTIFICATE)`,
      ],
      [
        `ssl_certificate ${rsa.certificateFile}; ssl_certificate_key ${missing};`,
        `cannot load certificate key "${missing}": BIO_new_file() failed (SSL: ${fopen(missing)})`,
      ],
      [
        `ssl_certificate ${rsa.certificateFile}; ssl_certificate_key ${garbage};`,
        `cannot load certificate key "${garbage}": PEM_read_bio_PrivateKey() failed (SSL: error:1E08010C:DECODER routines::unsupported:No supported data to decode. Input type: PEM)`,
      ],
      [
        `ssl_certificate ${rsa.certificateFile}; ssl_certificate_key ${client.keyFile};`,
        `SSL_CTX_use_PrivateKey("${client.keyFile}") failed (SSL: error:05800074:x509 certificate routines::key values mismatch)`,
      ],
      [`ssl_certificate $uri;`, 'no "ssl_certificate_key" is defined for certificate "$uri"'],
      [`ssl_certificate $uri; ssl_certificate_key $nope;`, 'unknown "nope" variable in t.conf:5'],
      [`ssl_certificate $uri; ssl_certificate_key $uri.key;`, ""],
    ]
    for (const [lines, error] of cases) assert.equal(await errorOf(lines), error)
  })

  test("an encrypted key needs the right pass phrase", async () => {
    const locked = await authority.issue({ names: ["locked.test"], passphrase: "s\xe9cret" })
    const lines = `ssl_certificate ${locked.certificateFile}; ssl_certificate_key ${locked.keyFile};`
    const failed = `cannot load certificate key "${locked.keyFile}": PEM_read_bio_PrivateKey() failed (SSL: error:`
    assert.equal(await errorOf(lines), `${failed}04800068:PEM routines::bad password read)`)
    const wrong = file("wrong.pass", "wrong\n")
    assert.ok(
      (await errorOf(`${lines} ssl_password_file ${wrong};`)).startsWith(
        `${failed}1C800064:Provider routines::bad decrypt`,
      ),
    )
    const right = file("right.pass", Buffer.from("wrong\r\ns\xe9cret\n", "utf8").toString("latin1"))
    assert.equal(await errorOf(`${lines} ssl_password_file ${right};`), "")
    assert.equal(
      await errorOf(`${lines} ssl_password_file ${missing};`),
      `open() "${missing}" failed (2: No such file or directory) in t.conf:5`,
    )
  })

  test("the other directives", async () => {
    const garbage = file("garbage", "garbage")
    const key47 = file("key47", "x".repeat(47))
    const noAuthority = "error:05800088:x509 certificate routines::no certificate or crl found"
    const cases: [lines: string, error: string][] = [
      ["ssl_protocols TLSv9;", `invalid value "TLSv9" in t.conf:5`],
      [
        "ssl_ciphers NOPE;",
        `SSL_CTX_set_cipher_list("NOPE") failed (SSL: error:0A0000B9:SSL routines::no cipher match)`,
      ],
      [
        "ssl_ecdh_curve nope;",
        `SSL_CTX_set1_curves_list("nope") failed (SSL: error:0A080106:SSL routines::passed invalid argument:group 'nope' cannot be set)`,
      ],
      [`ssl_dhparam ${missing};`, `BIO_new_file("${missing}") failed (SSL: ${fopen(missing)})`],
      [
        `ssl_dhparam ${garbage};`,
        `PEM_read_bio_DHparams("${garbage}") failed (SSL: error:0480006C:PEM routines::no start line:Expecting: DH PARAMETERS)`,
      ],
      ["ssl_verify_client on;", "no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client"],
      ["ssl_verify_client maybe;", `invalid value "maybe" in t.conf:5`],
      [
        `ssl_verify_client on; ssl_client_certificate ${missing};`,
        `SSL_CTX_load_verify_locations("${missing}") failed (SSL: ${fopen(missing)} error:05880002:x509 certificate routines::system lib)`,
      ],
      [
        `ssl_trusted_certificate ${garbage};`,
        `SSL_CTX_load_verify_locations("${garbage}") failed (SSL: ${noAuthority})`,
      ],
      ["ssl_session_cache shared:X;", `invalid session cache "shared:X" in t.conf:5`],
      ["ssl_session_cache shared:X:1k;", `session cache "shared:X:1k" is too small in t.conf:5`],
      ["ssl_session_cache builtin:x;", `invalid session cache "builtin:x" in t.conf:5`],
      ["ssl_session_cache builtin:1000 shared:SSL:10m;", ""],
      ["ssl_session_cache off; ssl_session_tickets off;", ""],
      [`ssl_session_ticket_key ${key47};`, `"${key47}" must be 48 or 80 bytes in t.conf:5`],
      ["ssl_session_timeout 1x;", `"ssl_session_timeout" directive invalid value in t.conf:5`],
    ]
    for (const [lines, error] of cases) assert.equal(await errorOf(good() + lines), error)
  })

  test("of TLS to upstreams, which are found only where there is some", async () => {
    const at = (url: string, lines: string) => errorOf(`${good()} location / { proxy_pass ${url}; ${lines} }`)
    const untrusted = "proxy_ssl_verify on;"
    assert.equal(
      await at("https://127.0.0.1:1", untrusted),
      "no proxy_ssl_trusted_certificate for proxy_ssl_verify",
    )
    assert.equal(await at("http://127.0.0.1:1", untrusted), "")
    assert.equal(
      await at("https://127.0.0.1:1", "proxy_ssl_certificate c.crt;"),
      `no "proxy_ssl_certificate_key" is defined for certificate "c.crt"`,
    )
    assert.equal(
      await at("https://127.0.0.1:1", "proxy_ssl_ciphers NOPE;"),
      `SSL_CTX_set_cipher_list("NOPE") failed (SSL: error:0A0000B9:SSL routines::no cipher match)`,
    )
    assert.equal(
      await at("https://127.0.0.1:1", `proxy_ssl_certificate ${missing}; proxy_ssl_certificate_key k;`),
      `cannot load certificate "${missing}": BIO_new_file() failed (SSL: ${fopen(missing)})`,
    )
  })
})
