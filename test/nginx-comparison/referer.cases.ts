import { type ComparisonCase, get } from "./case.ts"

const REFERERS = [
  "",
  "http://example.com/",
  "https://example.com/a/b",
  "HTTPS://EXAMPLE.com/A",
  "http://example.com:8080/",
  "http://www.example.com/",
  "http://a.b.example.com/x",
  "http://example.org/",
  "http://example.org.evil/",
  "http://evil/example.com",
  "http://eve/",
  "ftp://example.com/",
  "example.com",
  "http://i.r",
  "-",
]

/** Asks with all of these and answers what $invalid_referer is. */
function valid(
  name: string,
  words: string,
  referers: readonly string[] = REFERERS,
  names = "a.test",
): ComparisonCase {
  return {
    name,
    server: `server_name ${names}; location / { valid_referers ${words}; return 200 "[$invalid_referer]"; }`,
    send: referers.map((value) => get("/", value === "" ? "" : `Referer: ${value}\r\n`)),
    status: referers.map(() => 200),
  }
}

const at = (path: string, value: string): string => get(path, `Referer: ${value}\r\n`)

export const refererCases: readonly ComparisonCase[] = [
  valid("a name", "example.com"),
  valid("none", "none example.com"),
  valid("blocked", "blocked example.com"),
  valid("none and blocked", "none blocked example.com"),
  valid("a name and all below", ".example.com"),
  valid("all below a name", "*.example.com"),
  valid("a name with any end", "example.*"),
  valid("several", "none *.example.com example.org"),
  valid("several lines", "none; valid_referers example.com; valid_referers blocked"),
  valid("capitals in the configuration", "EXAMPLE.Com"),
  valid("a path", "example.com/a", [
    "http://example.com/a",
    "http://example.com/ab/c",
    "http://example.com:80/a",
    "http://example.com/A",
    "http://example.com/",
    "http://example.com",
    "http://example.com/b?/a",
  ]),
  valid("a path behind a wildcard", "*.example.com/x/ example.com/", [
    "http://www.example.com/x/y",
    "http://www.example.com/x",
    "http://example.com/y",
    "http://example.com",
  ]),
  valid("a regular expression", "~example\\.com/$"),
  valid("a regular expression from the host on", "~^www\\. ~^EVE", [
    ...REFERERS,
    "http://www.x.y/",
    "http://x.www.y/",
  ]),
  valid("a regular expression after names", "example.org ~/a/b"),
  valid("server_names", "server_names", [...REFERERS, "http://a.test/x", "http://b.a.test/"]),
  valid("server_names of all forms", "none server_names", REFERERS, "a.test example.org *.example.com"),
  valid("server_names with an expression", "server_names", REFERERS, "a.test ~^ex.*com$"),
  valid("server_names and others", "server_names example.org", REFERERS, "a.test example.com"),
  valid("a long host", "example.com .x", [`http://${"a.".repeat(120)}x/`, `http://${"a.".repeat(140)}x/`]),
  valid("an empty host", "example.com", ["http:///aaaaaaaa", "https:///a", "http://:80/aaa"]),
  {
    name: "no valid_referers at this level",
    server:
      'location / { return 200 "[$invalid_referer]"; } location /v { valid_referers example.com; return 200 "[$invalid_referer]"; }',
    send: [get("/"), at("/", "http://eve.org/"), at("/v", "http://eve.org/")],
    status: [200, 200, 200],
  },
  {
    name: "inherited, and replaced",
    server:
      'valid_referers none example.com ~^re/; location / { return 200 "[$invalid_referer]"; } location /v { valid_referers example.org; return 200 "[$invalid_referer]"; }',
    send: ["/", "/v"].flatMap((path) => [
      get(path),
      at(path, "http://example.com/"),
      at(path, "http://example.org/"),
      at(path, "http://re/aaaaa"),
    ]),
    status: [200, 200, 200, 200, 200, 200, 200, 200],
  },
  {
    name: "in an if, as people write it",
    server:
      "location / { valid_referers none blocked server_names *.example.com; if ($invalid_referer) { return 403; } return 200 x; }",
    send: [get("/"), at("/", "http://eve.org/"), at("/", "http://a.example.com/")],
    status: [200, 403, 200],
    probe: false,
  },
  {
    name: "in a log",
    http: `log_format {id} '[$invalid_referer]';`,
    server: "access_log logs/{id}.log {id}; location / { valid_referers example.com; return 200 x; }",
    send: [get("/"), at("/", "http://example.com/")],
    status: [200, 200],
  },
  {
    name: "two fields",
    server: 'location / { valid_referers example.com; return 200 "[$invalid_referer]"; }',
    send: get("/", "Referer: http://example.com/\r\nReferer: http://eve.org/\r\n"),
    status: 200,
  },
]
