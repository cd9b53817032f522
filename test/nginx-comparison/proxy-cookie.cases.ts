import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"

/** What a client gets of a cookie that the backend sets. */
function cookie(name: string, settings: string, ...values: readonly string[]): ComparisonCase {
  const fields = values.map((value) => `Set-Cookie: ${value}\r\n`).join("")
  return {
    name,
    server: `location / { ${HTTP_1_1} proxy_pass http://{b}; ${settings} }`,
    backends: { b: httpAnswer("x", fields) },
    send: get("/", "X-Name: sid\r\n"),
    status: 200,
  }
}

/** What a backend gets, where method or body are replaced. */
function replaced(name: string, settings: string, request: string, status = 200): ComparisonCase {
  return {
    name,
    server: `location / { ${HTTP_1_1} proxy_pass http://{b}; ${settings} }`,
    backends: { b: httpAnswer("x") },
    send: request,
    status,
  }
}

const POST = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX-Name: sid\r\n\r\nabc"

export const proxyCookieCases: readonly ComparisonCase[] = [
  cookie("a domain", "proxy_cookie_domain a.test b.test;", "sid=1; Domain=a.test; Path=/"),
  cookie("a domain in other case", "proxy_cookie_domain A.test b.test;", "sid=1; domain=a.TEST"),
  cookie("a domain with a dot keeps it", "proxy_cookie_domain .a.test .b.test;", "sid=1; Domain=.a.test"),
  cookie("another domain stays", "proxy_cookie_domain a.test b.test;", "sid=1; Domain=x.a.test;Path=/"),
  cookie(
    "a domain by expression",
    'proxy_cookie_domain "~^(.+)\\.test$" $1.example;',
    "sid=1; Domain=A.test",
  ),
  cookie("a domain by variable", "proxy_cookie_domain $host b.test;", "sid=1; Domain=a"),
  cookie("the first rule decides", "proxy_cookie_domain a b; proxy_cookie_domain a c;", "sid=1; Domain=a"),
  cookie("a path", "proxy_cookie_path /one/ /;", "sid=1; Path=/one/two; HttpOnly"),
  cookie("a path that does not begin so", "proxy_cookie_path /two/ /;", "sid=1; Path=/one/two"),
  cookie("a path by expression", "proxy_cookie_path ~^/(\\w+)/ /x-$1/;", "sid=1; path=/one/two"),
  cookie("a path by expression in any case", "proxy_cookie_path ~*^/ONE /x;", "sid=1; path=/one/two"),
  cookie(
    "an attribute appended by a path",
    'proxy_cookie_path / "/; HttpOnly; SameSite=Strict";',
    "sid=1; Path=/",
  ),
  cookie("both", "proxy_cookie_path / /p/; proxy_cookie_domain a b;", "sid=1; Path=/; Domain=a; Secure"),
  cookie("blanks and a missing value", "proxy_cookie_path / /p/;", "sid = 1 ;Path = /x ; Secure;;a="),
  cookie("a cookie without value is left alone", "proxy_cookie_path / /p/;", "sid; Path=/"),
  cookie("several cookies", "proxy_cookie_path / /p/;", "a=1; Path=/", "b=2; Path=/b", "c=3"),
  cookie("flags that are missing", "proxy_cookie_flags sid secure httponly samesite=lax;", "sid=1; Path=/"),
  cookie(
    "flags that are there",
    "proxy_cookie_flags sid secure httponly samesite=lax;",
    "sid=1; secure; HTTPONLY; samesite=LAX",
  ),
  cookie("another SameSite", "proxy_cookie_flags sid samesite=none;", "sid=1; samesite=Strict; Path=/"),
  cookie(
    "flags taken away",
    "proxy_cookie_flags sid nosecure nohttponly nosamesite;",
    "sid=1; Secure; HttpOnly; SameSite=Strict; Path=/",
  ),
  cookie("flags of another cookie", "proxy_cookie_flags other secure;", "sid=1; Path=/"),
  cookie("flags in any case", "proxy_cookie_flags SID Secure;", "sid=1"),
  cookie(
    "flags by expression",
    "proxy_cookie_flags ~^s secure; proxy_cookie_flags ~. httponly;",
    "sid=1",
    "x=1",
  ),
  cookie("flags by variable", "proxy_cookie_flags $http_x_name $arg_none httponly;", "sid=1"),
  cookie("off takes nothing", "proxy_cookie_path off; proxy_cookie_flags off;", "sid=1; Path=/"),
  {
    ...cookie("inherited, and taken back", "", "sid=1; Path=/"),
    server: `proxy_cookie_path / /p/; location / { ${HTTP_1_1} proxy_pass http://{b}; }
      location /off { ${HTTP_1_1} proxy_pass http://{b}; proxy_cookie_path off; }`,
    send: [get("/"), get("/off")],
    status: [200, 200],
  },

  replaced("another method", "proxy_method PUT;", POST),
  replaced("a method by variable", "proxy_method $http_x_name;", get("/", "X-Name: REPORT\r\n")),
  replaced("another body", 'proxy_set_body "name=$http_x_name&n=$content_length";', POST),
  replaced("a body where there was none", "proxy_set_body hello;", get("/")),
  replaced(
    "a body and its type",
    "proxy_set_body '{\"a\":1}'; proxy_set_header Content-Type application/json; proxy_method POST;",
    get("/"),
  ),
]
