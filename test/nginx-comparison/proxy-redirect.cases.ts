import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"

/** Answers 302 with the Location that the query's `l` holds; `~` there stands for the backend's address. */
const REDIRECT: BackendScript = ({ target, headers }) => {
  const host = headers.find(([name]) => name === "Host")?.[1] ?? ""
  const location = decodeURIComponent(/[?&]l=([^&]*)/.exec(target)?.[1] ?? "").replace("~", host)
  return httpAnswer("", `Location: ${location}\r\n`, "302 Found")
}

function redirected(
  name: string,
  locations: string,
  to: string,
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  const server = locations.replaceAll("PASS", `${HTTP_1_1} proxy_pass`)
  const send = get(`/in/x?l=${encodeURIComponent(to)}`)
  return { name: `proxy_redirect: ${name}`, server, backends: { b: REDIRECT }, send, status: 302, ...more }
}

/** Answers with a header that is meant for the edge. */
function accelerated(
  name: string,
  headers: string,
  server: string,
  status: number,
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  const answer = httpAnswer("theirs", headers)
  const locations = server.replaceAll("PASS", `${HTTP_1_1} proxy_pass`)
  return {
    name: `X-Accel: ${name}`,
    server: locations,
    backends: { b: answer },
    send: get("/"),
    status,
    ...more,
  }
}

export const proxyRedirectCases: readonly ComparisonCase[] = [
  redirected(
    "the default maps the backend's URL to the location",
    "location /in/ { PASS http://{b}/out/; }",
    "http://~/out/y",
  ),
  redirected(
    "the default leaves other URLs",
    "location /in/ { PASS http://{b}/out/; }",
    "http://other/out/y",
  ),
  redirected("the default leaves a path", "location /in/ { PASS http://{b}/out/; }", "/out/y"),
  redirected(
    "the default with an URL that only begins alike",
    "location /in/ { PASS http://{b}/out/; }",
    "http://~/outer",
  ),
  redirected(
    "the default without a URI in proxy_pass",
    "location /in/ { PASS http://{b}; }",
    "http://~/in/y",
  ),
  redirected("off", "location /in/ { PASS http://{b}/out/; proxy_redirect off; }", "http://~/out/y"),
  redirected(
    "a pair of texts",
    "location /in/ { PASS http://{b}; proxy_redirect http://old/ https://new/p/; }",
    "http://old/a?b",
  ),
  redirected(
    "a pair of texts that does not fit",
    "location /in/ { PASS http://{b}; proxy_redirect http://old/ https://new/p/; }",
    "http://older/a",
  ),
  redirected(
    "to a path, made absolute",
    "location /in/ { PASS http://{b}; proxy_redirect http://old/ /p/; }",
    "http://old/a",
  ),
  redirected(
    "with variables",
    "location /in/ { PASS http://{b}; proxy_redirect http://$proxy_host/ $scheme://$host/x/; }",
    "http://~/a",
  ),
  redirected(
    "a regular expression",
    "location /in/ { PASS http://{b}; proxy_redirect ~^http://([^/]+)/(.*)$ https://edge/$1/$2; }",
    "http://h:1/a",
  ),
  redirected(
    "a regular expression without regard to case",
    "location /in/ { PASS http://{b}; proxy_redirect ~*^HTTP://H/ https://edge/; }",
    "http://h/a",
  ),
  redirected(
    "the first of several",
    "location /in/ { PASS http://{b}; proxy_redirect http://a/ /1/; proxy_redirect http://a/b/ /2/; }",
    "http://a/b/c",
  ),
  redirected(
    "default beside others",
    "location /in/ { PASS http://{b}/out/; proxy_redirect default; proxy_redirect http://a/ /1/; }",
    "http://~/out/z",
  ),
  redirected(
    "an empty replacement",
    'location /in/ { PASS http://{b}; proxy_redirect http://a/ ""; }',
    "http://a/b",
  ),
  redirected("a relative target", "location /in/ { PASS http://{b}; }", "y"),
  redirected("Refresh", "location /in/ { PASS http://{b}/out/; }", "", {
    backends: { b: ({ headers }) => httpAnswer("", `Refresh: 5; url=http://${headers[0]?.[1]}/out/q\r\n`) },
    status: 200,
  }),
  redirected("Location of a 201", "location /in/ { PASS http://{b}/out/; }", "", {
    backends: {
      b: ({ headers }) => httpAnswer("", `Location: http://${headers[0]?.[1]}/out/q\r\n`, "201 Created"),
    },
    status: 201,
  }),
  accelerated(
    "Redirect to a location",
    "X-Accel-Redirect: /inner/x?y=1\r\nX-Mine: 1\r\nContent-Type: text/own\r\nSet-Cookie: a=1\r\n",
    'location = / { PASS http://{b}; } location /inner/ { internal; return 200 "inner $uri $args\\n"; }',
    200,
  ),
  accelerated(
    "Redirect to a proxied location",
    "X-Accel-Redirect: /inner/x\r\nCache-Control: private\r\nExpires: 0\r\nAccept-Ranges: bytes\r\n",
    "location = / { PASS http://{b}; } location /inner/ { PASS http://{b2}; }",
    200,
    {
      backends: {
        b: httpAnswer(
          "theirs",
          "X-Accel-Redirect: /inner/x\r\nCache-Control: private\r\nContent-Type: a/b\r\n",
          "202 Accepted",
        ),
        b2: httpAnswer("second", "Content-Type: c/d\r\n"),
      },
    },
  ),
  accelerated(
    "Redirect to a named location",
    "X-Accel-Redirect: @named\r\n",
    'location = / { PASS http://{b}; } location @named { return 200 "named $uri\\n"; }',
    200,
  ),
  accelerated(
    "Redirect ignored",
    "X-Accel-Redirect: /inner/x\r\n",
    "location = / { PASS http://{b}; proxy_ignore_headers X-Accel-Redirect; }",
    200,
  ),
  accelerated(
    "Redirect of a POST becomes a GET",
    "X-Accel-Redirect: /inner/x\r\n",
    "location = / { PASS http://{b}; } location /inner/ { PASS http://{b2}; }",
    200,
    {
      backends: { b: httpAnswer("", "X-Accel-Redirect: /inner/x\r\n"), b2: httpAnswer("second") },
      send: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab",
    },
  ),
  accelerated(
    "Buffering, Limit-Rate, Expires, Charset are not passed on",
    "X-Accel-Buffering: no\r\nX-Accel-Limit-Rate: 100000\r\nX-Accel-Expires: 5\r\nX-Accel-Charset: utf-8\r\nContent-Type: text/html\r\n",
    "location = / { PASS http://{b}; }",
    200,
  ),
  accelerated(
    "what is hidden can be passed",
    "X-Accel-Buffering: yes\r\nX-Accel-Expires: 5\r\n",
    "location = / { PASS http://{b}; proxy_pass_header X-Accel-Expires; }",
    200,
  ),
  accelerated(
    "an internal location from outside",
    "",
    'location /inner/ { internal; return 200 "x"; } location / { PASS http://{b}; }',
    404,
    { send: get("/inner/x") },
  ),
]
