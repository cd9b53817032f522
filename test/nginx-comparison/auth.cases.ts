import { httpAnswer } from "../support/raw-backend.ts"
import { basic, USERS } from "./auth-users.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"
import { errorPage } from "./differences.ts"

const FILE = "auth_basic_user_file {prefix}/{id}.users;"
const LOG = "error_log {prefix}/logs/{id}.err info;"
const PASS = `${HTTP_1_1} proxy_pass http://{b};`

/** Requests with these header lines, one after the other. */
function guarded(
  name: string,
  headers: string | readonly string[],
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name: `auth_basic: ${name}`,
    server: `${LOG} location / { auth_basic "the realm"; ${FILE} ${PASS} }`,
    files: { "{id}.users": USERS },
    backends: { b: httpAnswer("in") },
    send: [headers].flat().map((fields) => get("/", fields)),
    status,
    ...more,
  }
}

const credentials = (text: string): string => `Authorization: ${text}\r\n`

/** nginx asks the C library, which knows more forms; Holdfast says which it lacks. */
function unsupported(name: string, user: string, title: string): ComparisonCase {
  return guarded(name, basic(user, "myPassword"), 200, {
    probe: false,
    differs: {
      why: `Node.js and the libraries here have no ${title}`,
      holdfast: () => ({
        client: [errorPage(500, "Internal Server Error")],
        backends: { b: "" },
        errorLog: [
          `[crit] user "${user}": password hashes of ${title} are not supported by Holdfast, "openssl passwd -6" makes one that is, client: 127.0.0.1, server: , request: "GET / HTTP/1.1", host: "a.test"`,
        ],
      }),
    },
  })
}

export const authCases: readonly ComparisonCase[] = [
  guarded("nobody", "", 401),
  guarded(
    "{PLAIN}",
    [basic("plain", "secret"), basic("plain", "Secret"), basic("plain", "")],
    [200, 401, 401],
  ),
  guarded("{PLAIN} with nothing behind it", [basic("empty", ""), basic("empty", "x")], [200, 401]),
  guarded("{SHA}", [basic("sha", "myPassword"), basic("sha", "mypassword")], [200, 401]),
  guarded("$apr1$, and a comment behind it", [basic("apr1", "myPassword"), basic("apr1", "no")], [200, 401]),
  guarded("$5$", [basic("sha256", "Hello world!"), basic("sha256", "Hello world?")], [200, 401]),
  guarded(
    "$6$, and a line that ends with CRLF",
    [basic("sha512", "Hello world!"), basic("sha512", "")],
    [200, 401],
  ),
  guarded(
    "the same right password again",
    [basic("sha512", "Hello world!"), basic("sha512", "Hello world!")],
    [200, 200],
  ),
  guarded("the last line without an end", [basic("last", "end"), basic("last", "en")], [200, 401]),
  guarded("the first of two lines counts", [basic("twice", "first"), basic("twice", "second")], [200, 401]),
  guarded(
    "unknown users",
    [basic("nobody", "x"), basic("plai", "secret"), basic("plainerr", "x")],
    [401, 401, 401],
  ),
  guarded("a user whose name goes on", basic("plainer", "longer"), 200),
  guarded(
    "comments are no users",
    [basic("#hidden", "secret"), basic("hidden", "secret"), basic("# users\nplain", "secret")],
    [401, 401, 401],
  ),
  guarded("colons in the password", basic("plain", "secret:"), 401),
  guarded("a line without a colon hides the next", basic("no colonel", "x"), 401),
  guarded("a user with a line feed, which two lines make", basic("no colon\nlast", "end"), 200),
  guarded(
    "nothing of a password",
    [credentials("Basic"), credentials("Basic "), credentials("Basic cGxhaW4=")],
    [401, 401, 401],
  ),
  guarded("no user", [basic("", "secret"), credentials("Basic Og==")], [401, 401]),
  guarded(
    "no base64",
    [credentials("Basic ***"), credentials("Basic cGxhaW46c2VjcmV0*"), credentials("Basic cGxha")],
    [401, 401, 401],
  ),
  guarded(
    "base64 without its padding, and with something behind it",
    [
      credentials("Basic cGxhaW46c2VjcmV0"),
      credentials("Basic cGxhaW46c2VjcmV0=="),
      credentials("Basic cGxhaW46c2VjcmV0=x"),
    ],
    [200, 200, 200],
  ),
  guarded(
    "the scheme in another case, and more blanks",
    [credentials("BASIC cGxhaW46c2VjcmV0"), credentials("basic   cGxhaW46c2VjcmV0")],
    [200, 200],
  ),
  guarded(
    "another scheme",
    [credentials("Bearer cGxhaW46c2VjcmV0"), credentials("BasicX cGxhaW46c2VjcmV0")],
    [401, 401],
  ),
  guarded("a password ends at a zero byte", basic("plain", "secret\0more"), 200),
  guarded("bcrypt, $2y$", [basic("bcrypt", "myPassword"), basic("bcrypt", "mypassword")], [200, 401]),
  guarded(
    "bcrypt, $2b$, in UTF-8",
    [basic("bcrypt-2b", "h\xc3\xa4llo"), basic("bcrypt-2b", "h\xe4llo"), basic("bcrypt-2b", "hallo")],
    [200, 401, 401],
  ),
  guarded("bcrypt, $2a$", [basic("bcrypt-2a", "pw"), basic("bcrypt-2a", "")], [200, 401]),
  guarded(
    "bcrypt sees 72 bytes",
    [basic("bcrypt-long", "a".repeat(72)), basic("bcrypt-long", "a".repeat(71))],
    [200, 401],
  ),
  guarded(
    "bcrypt with a broken hash",
    [basic("no-cost", "x"), basic("no-hash", ""), basic("no-hash", "x")],
    [401, 401, 401],
  ),
  guarded(
    "DES crypt",
    [basic("des", "myPassword"), basic("des", "myPasswor"), basic("des", "no")],
    [200, 200, 401],
  ),
  guarded(
    "DES crypt sees eight letters",
    [basic("des-long", "verylong"), basic("des-long", "verylon"), basic("des-long", "")],
    [200, 401, 401],
  ),
  guarded("DES crypt of any bytes", [basic("des-bytes", "\xff\xfe"), basic("des-bytes", "\xff")], [200, 401]),
  guarded(
    "$6$ with rounds",
    [basic("sha512-rounds", "x"), basic("sha512-rounds", "y"), basic("sha512-rounds", "x")],
    [200, 401, 200],
  ),
  guarded("$5$ with rounds", [basic("sha256-rounds", "x"), basic("sha256-rounds", "y")], [200, 401]),
  guarded(
    "what is no hash",
    [basic("one-letter", "x"), basic("stars", "*0"), basic("unknown-kind", "x"), basic("nothing", "")],
    [401, 401, 401, 401],
  ),
  guarded(
    "a password of 511 bytes, and one of 512",
    [basic("sha256", "x".repeat(511)), basic("sha256", "x".repeat(512))],
    [401, 401],
  ),
  guarded(
    "a password of 512 bytes with bcrypt and DES",
    [basic("bcrypt", "x".repeat(512)), basic("des", "x".repeat(512))],
    [401, 401],
  ),
  unsupported("yescrypt", "yescrypt", '"$y$"'),
  unsupported("extended DES", "extended-des", "extended DES"),
  guarded(
    "a slow hash under satisfy any",
    [basic("bcrypt", "myPassword"), basic("bcrypt", "no"), ""],
    [200, 401, 401],
    {
      server: `${LOG} location / { satisfy any; deny all; auth_basic r; ${FILE} ${PASS} }`,
    },
  ),
  guarded("a slow hash and a rule that refuses", basic("bcrypt", "myPassword"), 403, {
    server: `${LOG} location / { deny all; auth_basic r; ${FILE} ${PASS} }`,
  }),
  guarded("a slow hash in front of a body", "", 200, {
    send: [post("/", "x".repeat(1000), basic("bcrypt", "myPassword"))],
  }),
  guarded("requests in a row behind a slow hash", "", [200, 200], {
    server: `location / { auth_basic r; ${FILE} ${PASS} }`,
    send: async (wire) => {
      await wire.send(get("/1", basic("bcrypt", "myPassword")) + get("/2", basic("sha512", "Hello world!")))
      await wire.response()
      await wire.response()
    },
  }),
  guarded("an error page behind a slow hash", basic("bcrypt", "no"), 401, {
    server: `error_page 401 /page; location / { auth_basic r; ${FILE} ${PASS} } location = /page { return 200 "page"; }`,
  }),
  guarded(
    "auth_delay",
    [basic("bcrypt", "no"), basic("plain", "no"), basic("plain", "secret"), ""],
    [401, 401, 200, 401],
    {
      server: `${LOG} auth_delay 20ms; location / { auth_basic r; ${FILE} ${PASS} }`,
    },
  ),
  guarded("auth_delay is for 401 alone", "", [403, 404], {
    server: `${LOG} auth_delay 20ms; location / { deny all; ${PASS} } location /n { return 404; }`,
    send: [get("/"), get("/n")],
  }),
  guarded("auth_delay and return 401", "", 401, {
    server: `${LOG} auth_delay 20ms; location / { return 401; }`,
  }),
  guarded("auth_delay under satisfy any", ["", basic("plain", "secret")], [401, 200], {
    server: `${LOG} auth_delay 20ms; location / { satisfy any; deny all; auth_basic r; ${FILE} ${PASS} }`,
  }),
  guarded("auth_delay and auth_request", ["", ""], [401, 403], {
    server: `${LOG} auth_delay 20ms; location / { auth_request /a; ${PASS} } location /f { auth_request /b; ${PASS} }
      location = /a { return 401; } location = /b { return 403; }`,
    send: [get("/"), get("/f")],
  }),
  guarded("auth_delay and an error page", "", 401, {
    server: `${LOG} auth_delay 20ms; error_page 401 /page; location / { auth_basic r; ${FILE} ${PASS} } location = /page { return 200 "page"; }`,
  }),
  guarded("$remote_user", basic("plain", "secret"), 200, {
    server: `location / { auth_basic r; ${FILE} proxy_set_header X-User $remote_user; ${PASS} }`,
  }),
  guarded("off in a location", ["", ""], [200, 401], {
    server: `auth_basic r; ${FILE} location / { auth_basic off; ${PASS} } location /in { ${PASS} }`,
    send: [get("/"), get("/in")],
  }),
  guarded("a realm of variables", ["", ""], [401, 200], {
    server: `location / { auth_basic $arg_realm; ${FILE} ${PASS} }`,
    send: [get("/?realm=mine"), get("/?realm=off")],
  }),
  guarded("an empty realm", "", 401, { server: `location / { auth_basic ""; ${FILE} ${PASS} }` }),
  guarded("no file is named", "", 200, { server: `location / { auth_basic r; ${PASS} }` }),
  guarded("the file is not there", ["", basic("plain", "secret")], [401, 403], {
    server: `${LOG} location / { auth_basic r; auth_basic_user_file {prefix}/none; ${PASS} }`,
  }),
  guarded("the file is a folder", basic("plain", "secret"), 500, {
    probe: false,
    server: `${LOG} location / { auth_basic r; auth_basic_user_file {prefix}/logs; ${PASS} }`,
  }),
  guarded(
    "the file's name is relative, or has variables",
    [basic("plain", "secret"), basic("plain", "secret"), basic("plain", "secret")],
    [200, 200, 403],
    {
      server: `${LOG} location / { auth_basic r; auth_basic_user_file {id}.users; ${PASS} } location /v { auth_basic r; auth_basic_user_file $arg_f; ${PASS} }`,
      send: [
        get("/", basic("plain", "secret")),
        get("/v?f={id}.users", basic("plain", "secret")),
        get("/v?f=none", basic("plain", "secret")),
      ],
    },
  ),
  guarded("an error page for 401 keeps the question", "", 401, {
    server: `error_page 401 /page; location / { auth_basic r; ${FILE} ${PASS} } location = /page { return 200 "page"; }`,
  }),
  guarded("return comes first", "", 200, {
    server: `location / { auth_basic r; ${FILE} return 200 "x"; }`,
  }),
  guarded("in limit_except", "", [200, 401, 200], {
    server: `location / { limit_except GET { auth_basic r; ${FILE} } ${PASS} }`,
    send: [get("/"), post("/", "x"), post("/", "x", basic("plain", "secret"))],
  }),
]
