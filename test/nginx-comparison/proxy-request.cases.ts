import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post, postChunked } from "./case.ts"
import { refused } from "./differences.ts"

const OK: BackendScript = httpAnswer("ok")

/** One server with one backend `b`; what arrives there is what counts. */
function proxied(
  name: string,
  server: string,
  send: string | readonly string[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  const status = Array.isArray(send) ? send.map(() => 200) : 200
  return { name, server, backends: { b: OK }, send, status, ...more }
}

/** Where `proxy_pass` sends a target. */
function passed(name: string, location: string, pass: string, target: string): ComparisonCase {
  return proxied(name, `location ${location} { ${HTTP_1_1} proxy_pass ${pass}; }`, get(target))
}

export const proxyRequestCases: readonly ComparisonCase[] = [
  passed("without a URI the target goes as it came", "/", "http://{b}", "/a//b/../%41?x=%42#f"),
  passed("without a URI, a target in absolute form", "/", "http://{b}", "http://other/x?y"),
  passed("without a URI, an absolute form that is only a query", "/", "http://{b}", "http://other?y"),
  passed("a URI replaces the location's part", "/in/", "http://{b}/out/", "/in/a/b?x=1"),
  passed("a URI without a slash at its end", "/in/", "http://{b}/out", "/in/a"),
  passed("a URI that is only a slash", "/in/", "http://{b}/", "/in/a"),
  passed("a location without a slash and a URI with one", "/in", "http://{b}/out/", "/in/a"),
  passed(
    "with a URI the rest is escaped anew",
    "/in/",
    "http://{b}/",
    "/in/a%20b%3fc%25d%23%7fe%c3%a4+~'\"<>[]|",
  ),
  passed("with a URI the rest is normalised", "/in/", "http://{b}/o/", "/in//a/./b/../c"),
  {
    ...passed("with a URI, raw bytes above 127", "/in/", "http://{b}/", "/in/\xc3\xa4"),
    differs: refused("a target has no bytes above 127 (RFC 3986 section 2)"),
  },
  passed("with a URI, a query alone", "/in/", "http://{b}/", "/in/?a=b?c"),
  passed("an exact location and a URI", "= /in", "http://{b}/out", "/in?x"),
  passed("a URI with an escape of its own", "/in/", "http://{b}/o%20p/", "/in/a"),
  passed("a variable for the whole URI", "/", "http://{b}$request_uri", "/a//b?x"),
  passed("a variable in the URI, its rest is not added", "/in/", "http://{b}/out$arg_x", "/in/a?x=1"),
  passed("$uri in the URI is not escaped", "/", "http://{b}/p$uri", "/a%20b%41"),
  passed("a variable without a URI", "/", "http://$arg_to", "/x//y%41?to={b}"),
  passed("a capture in the URI", "~ ^/v(\\d+)/(.*)$", "http://{b}/$2/v$1", "/v2/thing?q=1"),
  proxied("an upstream by its name", `location / { ${HTTP_1_1} proxy_pass http://{id}_up; }`, get("/x"), {
    http: "upstream {id}_up { server {b}; }",
  }),
  proxied(
    "an upstream by a variable",
    `location / { ${HTTP_1_1} proxy_pass http://{id}_$arg_u; }`,
    get("/x?u=up"),
    {
      http: "upstream {id}_up { server {b}; }",
    },
  ),
  proxied(
    "a regular expression's location inside a prefix with proxy_pass",
    `location /a/ { ${HTTP_1_1} proxy_pass http://{b}/x/; location ~ \\.txt$ { ${HTTP_1_1} proxy_pass http://{b}; } }`,
    [get("/a/1"), get("/a/1.txt")],
  ),
  proxied(
    "HTTP/1.0 to the backend",
    "location / { proxy_http_version 1.0; proxy_pass http://{b}; }",
    get("/x"),
    {
      differs: {
        why: "since 1.29.7 Connection is not set by default; and HTTP/1.0 means the same without it",
        holdfast: ({ backends }) => ({
          backends: { b: String(backends["b"]).replace("Connection: close\r\n", "") },
        }),
      },
    },
  ),
  proxied("the default is HTTP/1.1 since 1.29.7", "location / { proxy_pass http://{b}; }", get("/x"), {
    differs: {
      why: "nginx 1.22's default is HTTP/1.0 with Connection: close; Holdfast has the defaults of 1.30",
      holdfast: () => ({
        backends: { b: "GET /x HTTP/1.1\r\nHost: {b}\r\n\r\n".replace("{b}", "127.0.0.1:{b}") },
      }),
    },
  }),
  proxied(
    "Connection: close said aloud",
    'location / { proxy_http_version 1.1; proxy_set_header Connection "close"; proxy_pass http://{b}; }',
    get("/x", "Connection: keep-alive\r\n"),
  ),
  proxied(
    "Host by default is the address of proxy_pass",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
    "GET / HTTP/1.0\r\n\r\n",
  ),
  proxied(
    "Host for a unix socket is localhost",
    "location / { proxy_http_version 1.1; proxy_pass http://unix:{prefix}/{id}.sock:/in/; add_header X-Proxy $proxy_host:$proxy_port; }",
    get("/x"),
    {
      http: 'server { listen unix:{prefix}/{id}.sock; location / { return 200 "$http_host $request_uri $remote_addr\\n"; } }',
      backends: {},
    },
  ),
  proxied(
    "Host is $proxy_host, also for an upstream",
    `location / { ${HTTP_1_1} proxy_pass http://{id}_up; }`,
    get("/"),
    { http: "upstream {id}_up { server {b}; }" },
  ),
  proxied(
    "the usual set of headers",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr;
     proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
     proxy_set_header X-Forwarded-Host $http_host; }`,
    get("/", "X-Real-IP: 1.2.3.4\r\nX-Forwarded-Proto: gopher\r\nOther: 1\r\n"),
  ),
  proxied(
    "$proxy_add_x_forwarded_for adds to what came",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }`,
    get("/", "X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\n"),
  ),
  proxied(
    "$proxy_add_x_forwarded_for with two lines",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }`,
    get("/", "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n"),
  ),
  proxied(
    "an empty value removes the client's header",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_set_header Accept-Encoding ""; proxy_set_header X-Empty $arg_none; }`,
    get("/", "Accept-Encoding: gzip\r\nX-Empty: 1\r\nX: 2\r\n"),
  ),
  proxied(
    "an empty Host",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_set_header Host ""; }`,
    get("/"),
  ),
  proxied(
    "a header set twice",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_set_header X-A 1; proxy_set_header X-A 2; }`,
    get("/", "x-a: 0\r\n"),
  ),
  proxied(
    "headers of the server are inherited",
    `proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Level server; location / { proxy_pass http://{b}; }`,
    get("/"),
  ),
  proxied(
    "any header of the location replaces all of the server's",
    `proxy_http_version 1.1; proxy_set_header X-Level server; proxy_set_header Host up;
     location / { proxy_pass http://{b}; proxy_set_header Connection ""; proxy_set_header X-Own 1; }`,
    get("/"),
  ),
  proxied(
    "inheritance through nested locations",
    `proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Level server;
     location /a { proxy_set_header Connection ""; proxy_set_header X-Level a; location /a/b { proxy_pass http://{b}; } }`,
    get("/a/b"),
  ),
  proxied(
    "values with variables and text",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_set_header X-A "[$http_x]-\${arg_y}z"; proxy_set_header X-B $cookie_sid; }`,
    get("/?y=1", "X: v\r\nCookie: a=b; sid=42; c=d\r\n"),
  ),
  proxied(
    "$http_ variables with dashes; a header that came twice",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_set_header Seen "$http_x_two"; }`,
    get("/", "X-Two: 1\r\nX-Two: 2\r\n"),
    {
      differs: {
        why: "since 1.23.0 nginx joins lines of the same name with a comma",
        holdfast: ({ backends }) => ({
          backends: { b: String(backends["b"]).replace("Seen: 1\r\n", "Seen: 1, 2\r\n") },
        }),
      },
    },
  ),
  proxied(
    "cookies on two lines",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_set_header Seen "$http_cookie|$cookie_b"; }`,
    get("/", "Cookie: a=1\r\nCookie: b=2\r\n"),
  ),
  proxied(
    "the client's headers not passed",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_pass_request_headers off; proxy_set_header X 1; }`,
    post("/", "body", "A: 1\r\n"),
  ),
  proxied(
    "the body not passed",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_pass_request_body off; proxy_set_header Content-Length ""; }`,
    post("/", "body", "A: 1\r\n"),
  ),
  proxied("a body with its length", `location / { ${HTTP_1_1} proxy_pass http://{b}; }`, post("/", "body")),
  proxied("an empty body", `location / { ${HTTP_1_1} proxy_pass http://{b}; }`, post("/", "")),
  proxied(
    "a chunked body gets a length where it is buffered",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
    postChunked("/", ["ab", "cde"]),
  ),
  proxied(
    "a GET with a body",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
    `${get("/", "Content-Length: 3\r\n")}abc`,
  ),
  proxied("methods go through as they are", `location / { ${HTTP_1_1} proxy_pass http://{b}; }`, [
    "PROPFIND /x HTTP/1.1\r\nHost: a\r\n\r\n",
    "DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n",
    "X-OWN / HTTP/1.1\r\nHost: a\r\n\r\n",
  ]),
  proxied(
    "HEAD goes as HEAD",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
    "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n",
  ),
  proxied(
    "Expect does not reach the backend",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
    get("/", "Expect: 100-continue\r\nContent-Length: 0\r\n"),
  ),
]
