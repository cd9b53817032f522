/** What `-t` says of TLS directives: nginx's own words, word for word. */
import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { before, describe, it } from "node:test"
import { type Certificate, issueCertificate, testAuthority } from "../support/certificates.ts"
import { run, runHoldfast } from "../support/holdfast.ts"
import { nginxMissing, nginxProgram } from "../support/nginx.ts"
import { makeTempFolder } from "../support/temp.ts"

const folder = makeTempFolder("tls-errors")
const GOOD = "ssl_certificate {crt}; ssl_certificate_key {key};"
const PROXY = "location / { proxy_pass https://127.0.0.1:1;"
const BAD_CRL = "-----BEGIN X509 CRL-----\n????\n-----END X509 CRL-----\n"

/** Directives of a server: what is wrong with each is said by nginx. */
const SAME: readonly string[] = [
  `${GOOD}`,
  ...["Nope x", "MinProtocol TLSv9", "Ciphersuites NOPE", "Curves nope", "SignatureAlgorithms nope"].map(
    (text) => `${GOOD} ssl_conf_command ${text};`,
  ),
  ...[
    "CipherString NOPE",
    "Protocol NOPE",
    "Options Nope",
    'Options ""',
    'Groups ""',
    "ECDHParameters auto",
  ].map((text) => `${GOOD} ssl_conf_command ${text};`),
  ...["MinProtocol TLSv1.2", "Options KTLS,-Compression", "MaxProtocol None", "Protocol -ALL,TLSv1.3"].map(
    (text) => `${GOOD} ssl_conf_command ${text};`,
  ),
  `${GOOD} ssl_conf_command Options;`,
  `${GOOD} ssl_conf_command Nope x; ssl_conf_command Other y;`,
  `${GOOD} ssl_crl {dir}/none;`,
  `${GOOD} ssl_crl {dir}/garbage;`,
  `${GOOD} ssl_crl {dir}/garbage; ssl_crl {dir}/none;`,
  `${GOOD} ssl_crl {dir}/garbage; ssl_dhparam {dir}/none;`,
  `${GOOD} ssl_trusted_certificate {dir}/none; ssl_crl {dir}/garbage;`,
  `${GOOD} ssl_stapling maybe;`,
  `${GOOD} ssl_stapling on; ssl_stapling on;`,
  `${GOOD} ssl_stapling on; ssl_stapling_file {dir}/none;`,
  `${GOOD} ssl_stapling off; ssl_stapling_file {dir}/none;`,
  `${GOOD} ssl_stapling on; ssl_conf_command Nope x;`,
  `${GOOD} ssl_early_data off;`,
  `${GOOD} ssl_early_data perhaps;`,
  "ssl_certificate $ssl_server_name;",
  'ssl_certificate "$"; ssl_certificate_key x;',
  "ssl_certificate $ssl_server_name; ssl_certificate_key $uri; ssl_ciphers NOPE;",
  "ssl_certificate $ssl_server_name; ssl_certificate_key $uri; ssl_crl {dir}/none;",
  "ssl_certificate {crt}; ssl_certificate_key $uri.key;",
  `ssl_certificate data:; ssl_certificate_key {key};`,
  `ssl_certificate {crt}; ssl_certificate_key data:;`,
  `${GOOD} ${PROXY} proxy_ssl_conf_command Nope x; }`,
  `${GOOD} ${PROXY} proxy_ssl_conf_command MinProtocol TLSv9; }`,
  `${GOOD} location / { proxy_pass http://127.0.0.1:1; proxy_ssl_conf_command Nope x; }`,
  `${GOOD} ${PROXY} proxy_ssl_crl {dir}/none; }`,
  `${GOOD} ${PROXY} proxy_ssl_verify on; proxy_ssl_trusted_certificate {ca}; proxy_ssl_crl {dir}/none; }`,
  `${GOOD} ${PROXY} proxy_ssl_verify on; proxy_ssl_trusted_certificate {ca}; proxy_ssl_crl {dir}/garbage; }`,
  `${GOOD} ${PROXY} proxy_ssl_certificate $uri; }`,
  `${GOOD} ${PROXY} proxy_ssl_certificate $uri; proxy_ssl_certificate_key $uri; }`,
  `${GOOD} ${PROXY} proxy_ssl_certificate {lockedcrt}; proxy_ssl_certificate_key {lockedkey}; proxy_ssl_password_file {dir}/right; }`,
  `${GOOD} ${PROXY} proxy_ssl_password_file {dir}/none; }`,
  `${GOOD} ssl_password_file {dir}/right; ssl_certificate {lockedcrt}; ssl_certificate_key {lockedkey};`,
]

/** What Debian's nginx is too old for, or what is Holdfast's own. */
const OWN: readonly (readonly [directives: string, message: string])[] = [
  // nginx names no line here.
  ["ssl_certificate $uri; ssl_certificate_key $nope;", 'unknown "nope" variable in t.conf:1'],
  [`${GOOD} ssl_certificate_cache off;`, ""],
  [`${GOOD} ssl_certificate_cache max=10 valid=1m inactive=20s;`, ""],
  [
    `${GOOD} ssl_certificate_cache valid=1m;`,
    '"ssl_certificate_cache" must have the "max" parameter in t.conf:1',
  ],
  [`${GOOD} ssl_certificate_cache max=0;`, 'invalid parameter "max=0" in t.conf:1'],
  [`${GOOD} ssl_certificate_cache max=1 valid=x;`, 'invalid parameter "valid=x" in t.conf:1'],
  [`${GOOD} ssl_certificate_cache nope;`, 'invalid parameter "nope" in t.conf:1'],
  [`${GOOD} ${PROXY} proxy_ssl_certificate_cache max=x; }`, 'invalid parameter "max=x" in t.conf:1'],
  [
    `${GOOD} ssl_conf_command NumTickets 1;`,
    '"NumTickets" of "ssl_conf_command" is not supported: Node.js has no such setting in t.conf:1',
  ],
  [
    `${GOOD} ssl_conf_command Options -MiddleboxCompat;`,
    '"-MiddleboxCompat" of "ssl_conf_command" is not supported: Node.js has no such setting in t.conf:1',
  ],
  [
    `${GOOD} ${PROXY} proxy_ssl_conf_command ClientSignatureAlgorithms RSA+SHA256; }`,
    '"ClientSignatureAlgorithms" of "proxy_ssl_conf_command" is not supported: Node.js has no such setting in t.conf:1',
  ],
  [
    `${GOOD} ssl_early_data on;`,
    '"ssl_early_data on" is not supported by Holdfast: Node.js has no TLS 1.3 early data; remove the line in t.conf:1',
  ],
  [`${GOOD} ssl_certificate_compression off;`, ""],
  [
    `${GOOD} ssl_certificate_compression on;`,
    '"ssl_certificate_compression on" is not supported by Holdfast: Node.js does not compress certificates; remove the line in t.conf:1',
  ],
  [
    `${GOOD} ssl_key_log {dir}/keys;`,
    '"ssl_key_log" is not supported by Holdfast: it belongs to nginx\'s commercial build; remove the line in t.conf:1',
  ],
  [
    `${GOOD} ssl_ocsp on;`,
    '"ssl_ocsp" is not supported by Holdfast: client certificates are checked against "ssl_crl" only in t.conf:1',
  ],
  [
    `ssl_certificate {crt}; ssl_certificate_key engine:x:y;`,
    '"engine:" in "ssl_certificate_key" is not supported in t.conf:1',
  ],
  [
    `${GOOD} ssl_crl {dir}/broken.crl;`,
    'X509_LOOKUP_load_file("{dir}/broken.crl") failed (SSL: error:05880009:x509 certificate routines::PEM lib)',
  ],
  [
    `${GOOD} ssl_stapling on; ssl_stapling_file {dir}/garbage;`,
    'd2i_OCSP_RESPONSE_bio("{dir}/garbage") failed (SSL: error:0688010A:asn1 encoding routines::nested asn1 error:Type=OCSP_RESPONSE)',
  ],
]

const TRUSTED = `${GOOD} ssl_stapling on; ssl_trusted_certificate {ca};`

/** Warnings: nginx's, and behind them where the directive stands. */
const WARNINGS: readonly string[] = [
  `${GOOD} ssl_stapling on;`,
  TRUSTED,
  `${TRUSTED} ssl_stapling_responder https://x/;`,
  `${TRUSTED} ssl_stapling_responder http://;`,
  `${TRUSTED} ssl_stapling_responder http://127.0.0.1:99999/;`,
  `${TRUSTED} ssl_stapling_responder http://127.0.0.1/;`,
  `${GOOD} ssl_stapling off;`,
]

describe("what -t says of TLS, as nginx says it", { skip: nginxMissing() }, () => {
  let values: Readonly<Record<string, string>>
  const expand = (text: string): string =>
    text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)

  before(async () => {
    const good: Certificate = await issueCertificate(["a.test"])
    const authority = await testAuthority()
    const locked = await authority.issue({ names: ["locked.test"], passphrase: "secret" })
    const { own } = authority
    values = {
      dir: folder,
      crt: good.certificateFile,
      key: good.keyFile,
      ca: own.certificateFile,
      lockedcrt: locked.certificateFile,
      lockedkey: locked.keyFile,
    }
    writeFileSync(join(folder, "garbage"), "garbage")
    writeFileSync(join(folder, "right"), "wrong\nsecret\n")
    writeFileSync(join(folder, "broken.crl"), BAD_CRL)
  })

  const write = (directives: string): string => {
    const file = join(folder, "t.conf")
    writeFileSync(
      file,
      `events { } http { access_log off; server { listen 127.0.0.1:1 ssl; ${expand(directives)} } }`,
    )
    return file
  }
  const messageOf = ({ status, stderr }: { status: number | null; stderr: string }): string => {
    if (status === 0) return ""
    const line = stderr.split("\n").find((text) => text.includes("[emerg]")) ?? stderr
    const message = line.slice(line.indexOf("[emerg] ") + "[emerg] ".length).replace(/^\d+#\d+: /, "")
    return message.replaceAll(join(folder, "t.conf"), "t.conf")
  }
  const warningOf = ({ stderr }: { stderr: string }): string =>
    (/\[warn\] (?:\d+#\d+: )?(.*)/.exec(stderr)?.[1] ?? "").replaceAll(join(folder, "t.conf"), "t.conf")
  const checkWith = {
    holdfast: (directives: string) =>
      runHoldfast(["-t", "-p", folder, "-c", write(directives), "-e", "stderr"]),
    nginx: (directives: string) =>
      run(nginxProgram.command, [
        ...["-t", "-p", folder, "-c", write(directives), "-e", "stderr", "-g", `pid ${folder}/nginx.pid;`],
      ]),
  }
  const ofHoldfast = async (directives: string) => messageOf(await checkWith.holdfast(directives))
  const ofNginx = async (directives: string) => messageOf(await checkWith.nginx(directives))

  for (const directives of SAME)
    it(directives.replace(GOOD, "").trim() || "all is well", async () => {
      assert.equal(await ofHoldfast(directives), await ofNginx(directives))
    })
  for (const [directives, message] of OWN)
    it(`of its own: ${directives.replace(GOOD, "").trim()}`, async () => {
      assert.equal(await ofHoldfast(directives), expand(message))
    })
  for (const directives of WARNINGS)
    it(`warning: ${directives.replace(GOOD, "").trim()}`, async () => {
      const nginx = warningOf(await checkWith.nginx(directives))
      const expected = nginx === "" ? "" : `${nginx} in t.conf:1`
      assert.equal(warningOf(await checkWith.holdfast(directives)), expected)
    })
  it("warning: of two certificates it is not known which one a client gets", async () => {
    const { certificateFile, keyFile } = await issueCertificate(["a.test"], "rsa")
    const two = `${TRUSTED} ssl_certificate ${certificateFile}; ssl_certificate_key ${keyFile};`
    assert.equal(
      warningOf(await checkWith.holdfast(two)),
      '"ssl_stapling" ignored, Node.js does not tell which of several certificates a client gets in t.conf:1',
    )
  })
})
