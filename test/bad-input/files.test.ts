import { type BadInput, describeBadInput, inHttp, inServer } from "./bad-input.ts"

const HEAD = "events {}\nhttp {\n"

describeBadInput("include", [
  {
    name: "a file that is not there",
    config: inHttp("include {dir}/nothing.conf; #!"),
    error: 'open() "{dir}/nothing.conf" failed (2: No such file or directory)',
  },
  {
    name: "a file that is not there, relative to the main file's folder",
    config: inHttp("include conf.d/nothing.conf; #!"),
    error: 'open() "{dir}/conf.d/nothing.conf" failed (2: No such file or directory)',
  },
  {
    name: "a folder",
    config: inHttp("include {dir}/logs; #!"),
    error: 'open() "{dir}/logs" failed (21: Is a directory)',
    nginx: { error: null, why: "nginx opens it and fails when it reads, with [crit] and no line" },
  },
  {
    name: "a file that may not be read",
    config: inHttp("include {dir}/secret.conf; #!"),
    files: { "secret.conf": "" },
    unreadable: ["secret.conf"],
    error: 'open() "{dir}/secret.conf" failed (13: Permission denied)',
  },
  {
    name: "an error in a file names that file and its line",
    config: inHttp("include a.conf;"),
    files: { "a.conf": "server_tokens off;\n\nprox_pass on; #!\n" },
    blamed: "a.conf",
    error: 'unknown directive "prox_pass"',
  },
  {
    name: "an error in a file of a pattern",
    config: inHttp("include conf.d/*.conf;"),
    files: {
      "conf.d/1.conf": "server_tokens off;",
      "conf.d/2.conf": "merge_slashes 1; #!\n",
      "conf.d/3.conf": "bad;",
    },
    blamed: "conf.d/2.conf",
    error: 'invalid value "1" in "merge_slashes" directive, it must be "on" or "off"',
  },
  {
    name: "a block that a file leaves open",
    config: `${HEAD}include a.conf;\n}\n}\n`,
    files: { "a.conf": "server {\n" },
    blamed: "a.conf",
    line: 2,
    error: 'unexpected end of file, expecting "}"',
  },
  {
    name: "a closing brace too many in a file",
    config: inHttp("include a.conf;"),
    files: { "a.conf": "server {\n}\n} #!\n" },
    blamed: "a.conf",
    error: 'unexpected "}"',
  },
  {
    name: "a directive of another context in a file",
    config: inHttp("include a.conf;"),
    files: { "a.conf": "proxy_pass http://127.0.0.1; #!\n" },
    blamed: "a.conf",
    error: '"proxy_pass" directive is not allowed here',
  },
  {
    name: "a duplicate across files",
    config: inHttp("server_tokens off;\ninclude a.conf;"),
    files: { "a.conf": "server_tokens off; #!\n" },
    blamed: "a.conf",
    error: '"server_tokens" directive is duplicate',
  },
  {
    name: "a file that includes itself",
    config: inHttp("include a.conf;"),
    files: { "a.conf": "include a.conf; #!\n" },
    blamed: "a.conf",
    error: '"{dir}/a.conf" includes itself: {dir}/test.conf -> {dir}/a.conf -> {dir}/a.conf',
    nginx: { error: null, why: "nginx reads it again and again until it runs out of files" },
  },
  {
    name: "two files that include each other",
    config: inHttp("include a.conf;"),
    files: { "a.conf": "include b.conf;\n", "b.conf": "\ninclude a.conf; #!\n" },
    blamed: "b.conf",
    error: '"{dir}/a.conf" includes itself: {dir}/test.conf -> {dir}/a.conf -> {dir}/b.conf -> {dir}/a.conf',
    nginx: { error: null, why: "nginx reads them again and again until it runs out of files" },
  },
  {
    name: "a file that includes the main file by a pattern",
    config: inHttp("include a.con[f];"),
    files: { "a.conf": "include {dir}/te*.conf; #!\n" },
    blamed: "a.conf",
    error: '"{dir}/test.conf" includes itself: {dir}/test.conf -> {dir}/a.conf -> {dir}/test.conf',
    nginx: { error: null, why: "nginx says that http is not allowed there" },
  },
])

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

function tlsServer(lines: string): string {
  return inHttp(`server { #!\nlisten 127.0.0.1:{port} ssl;\n${lines}\n}`)
}

const withoutLine = (item: Omit<BadInput, "config"> & { readonly lines: string }): BadInput => ({
  ...item,
  config: inServer(item.lines),
})

describeBadInput("TLS files", [
  {
    name: "no certificate",
    config: tlsServer(""),
    error: 'no "ssl_certificate" is defined for the "listen ... ssl" directive',
  },
  {
    name: "a key without its certificate",
    config: tlsServer("ssl_certificate_key a.key;"),
    error: 'no "ssl_certificate" is defined for the "listen ... ssl" directive',
  },
  withoutLine({
    name: "a certificate without its key",
    lines: "ssl_certificate a.crt;",
    error: 'no "ssl_certificate_key" is defined for certificate "a.crt"',
  }),
  withoutLine({
    name: "a certificate that is not there",
    lines: "ssl_certificate a.crt;\nssl_certificate_key a.key;",
    error:
      'cannot load certificate "{dir}/a.crt": BIO_new_file() failed (SSL: error:80000002:system library::No such file or directory:calling fopen({dir}/a.crt, r) error:10000080:BIO routines::no such file)',
  }),
  withoutLine({
    name: "a certificate that is none",
    lines: "ssl_certificate a.crt;\nssl_certificate_key a.key;",
    files: { "a.crt": "hello\n", "a.key": "" },
    error:
      'cannot load certificate "{dir}/a.crt": PEM_read_bio_X509_AUX() failed (SSL: error:0480006C:PEM routines::no start line:Expecting: TRUSTED CERTIFICATE)',
  }),
  withoutLine({
    name: "ciphers that OpenSSL does not know",
    lines: "ssl_certificate a.crt;\nssl_certificate_key a.key;\nssl_ciphers NONSENSE;",
    files: { "a.crt": CERTIFICATE, "a.key": "" },
    error: 'SSL_CTX_set_cipher_list("NONSENSE") failed (SSL: error:0A0000B9:SSL routines::no cipher match)',
  }),
  {
    name: "a session cache that is too small",
    config: inServer("ssl_session_cache shared:a:1k; #!"),
    error: 'session cache "shared:a:1k" is too small',
  },
  {
    name: "a session cache of an unknown kind",
    config: inServer("ssl_session_cache memory; #!"),
    error: 'invalid session cache "memory"',
  },
  {
    name: "a file of pass phrases that is not there",
    config: inServer("ssl_password_file pass; #!"),
    error: 'open() "{dir}/pass" failed (2: No such file or directory)',
  },
  {
    name: "a ticket key of another size",
    config: inServer("ssl_session_ticket_key ticket.key; #!"),
    files: { "ticket.key": "short" },
    error: '"{dir}/ticket.key" must be 48 or 80 bytes',
    nginx: {
      error: null,
      why: "nginx reads it where a server has a certificate, and names the end of its block",
    },
  },
])
