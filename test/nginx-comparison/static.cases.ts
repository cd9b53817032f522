import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"
import { FILES, gets, head, served, withMethod } from "./static-served.ts"

const files: readonly ComparisonCase[] = [
  served("a file", "", get("/file.txt"), 200),
  served("a file in a location without a handler", "location / { }", get("/file.txt?q=1"), 200),
  served("HEAD", "", [head("/file.txt"), get("/file.txt")], [200, 200]),
  served("an empty file", "", [get("/empty"), head("/empty")], [200, 200]),
  served("a large file", "", [get("/large.bin"), get("/file.txt")], [200, 200]),
  served("HEAD of a large file", "", [head("/large.bin"), get("/file.txt")], [200, 200]),
  served("in HTTP/1.0", "", "GET /large.bin HTTP/1.0\r\n\r\n", 200),
  served("a file that is not there", "", get("/missing"), 404, { probe: false }),
  served("a folder that is not there", "", get("/missing/"), 404, { probe: false }),
  served("below a file", "", [get("/file.txt/x"), get("/file.txt/")], [404, 404], { probe: false }),
  served("log_not_found off", "log_not_found off;", [get("/missing"), get("/missing/")], [404, 404]),
  served("a name that is too long", "", get(`/${"x".repeat(300)}`), 404, { probe: false }),
  served("a folder without a slash", "", get("/sub"), 301, { probe: false }),
  served("a folder without a slash, arguments", "", get("/sub?q=1&r"), 301, { probe: false }),
  served("a folder with a blank", "", [get("/sp%20ace"), get("/sp%20ace/file")], [301, 200], {
    probe: false,
  }),
  served("a folder without a slash, relative", "absolute_redirect off;", get("/sub"), 301),
  served("a folder without a slash, no port", "port_in_redirect off;", get("/sub"), 301),
  served(
    "a folder without a slash, server_name_in_redirect",
    "server_name own.test; server_name_in_redirect on;",
    get("/sub"),
    301,
  ),
  served("a folder without an index", "", get("/none/"), 403, { probe: false }),
  served("POST to a file", "", post("/file.txt", "body"), 405, { probe: false }),
  served("POST to nothing", "", post("/missing", "body"), 404, { probe: false }),
  served("POST to a folder", "", [post("/sub", "body"), post("/sub/", "body")], [301, 405], { probe: false }),
  served("POST to a folder without an index", "", post("/none/", "body"), 403, { probe: false }),
  served(
    "other methods",
    "",
    ["PUT", "DELETE", "OPTIONS", "PATCH"].flatMap((method) => [
      withMethod(method, "/file.txt"),
      withMethod(method, "/none/"),
      withMethod(method, "/missing"),
    ]),
    [405, 405, 405, 405, 405, 405, 405, 405, 405, 405, 405, 405],
    { probe: false },
  ),
  served(
    "POST answered with the file by an error page",
    "error_page 405 =200 $uri;",
    post("/file.txt", "b"),
    200,
  ),
  served(
    "escaped names",
    "",
    [get("/%66ile.txt"), get("/sub/../file.txt"), get("//file.txt")],
    [200, 200, 200],
  ),
  served("the default root", "root html;", gets("/{id}/file", "/{id}/", "/{id}"), [200, 200, 301], {
    files: { "html/{id}/file": "x", "html/{id}/index.html": "y" },
    probe: false,
  }),
]

const types: readonly ComparisonCase[] = [
  served(
    "types by default",
    "",
    gets("/page.html", "/file.txt", "/up.HTML", "/a.b/plain"),
    [200, 200, 200, 200],
  ),
  served(
    "a name of an extension only",
    "types { text/css html; }",
    [get("/.html"), get("/page.html")],
    [200, 200],
  ),
  served(
    "types, default_type",
    "types { text/x-t txt; text/x-h html; } default_type text/x-d;",
    gets("/file.txt", "/page.html", "/empty"),
    [200, 200, 200],
  ),
  served(
    "types in a location",
    "types { text/x-t txt; } location /sub { types { a/b html; } }",
    gets("/file.txt", "/sub/index.html", "/page.html"),
    [200, 200, 200],
  ),
  served("types from a file", "include {prefix}/{id}.types;", gets("/file.txt", "/page.html"), [200, 200], {
    files: { ...FILES, "{id}.types": "types {\n  text/x-included txt;\n}\n" },
  }),
  served("no types", "types { } default_type text/x-d;", get("/page.html"), 200),
  served("charset", "charset utf-8;", gets("/page.html", "/file.txt"), [200, 200]),
]

const around: readonly ComparisonCase[] = [
  served("an error page", "error_page 404 /404.html;", [get("/missing"), get("/file.txt")], [404, 200]),
  served(
    "an error page with a status",
    "error_page 404 =200 /404.html;",
    get("/missing", "Range: bytes=0-1\r\n"),
    206,
  ),
  served(
    "an error page with its own status",
    "error_page 404 = /404.html;",
    get("/missing", "Range: bytes=0-1\r\n"),
    206,
  ),
  served("an error page that is not there", "error_page 404 /405.html;", get("/missing"), 404, {
    probe: false,
  }),
  served(
    "an error page of a status of our own",
    "location / { return 503; } error_page 503 /404.html; location = /404.html { internal; }",
    [get("/"), get("/404.html")],
    [503, 404],
  ),
  served(
    "an error page of a backend",
    "location / { try_files $uri @b; } location @b { proxy_pass http://{dead}; } error_page 502 /404.html;",
    [get("/x"), post("/x", "body")],
    [502, 502],
    {
      server:
        "root {id}; location / { try_files $uri @b; } location @b { proxy_pass http://{dead}; } error_page 502 /404.html;",
    },
  ),
  served(
    "add_header and expires",
    'expires 1h; add_header X-A "$sent_http_content_type|$sent_http_last_modified|$sent_http_etag"; add_header X-B b always;',
    [get("/file.txt"), get("/missing")],
    [200, 404],
    { probe: false },
  ),
  served(
    "add_header ETag and Last-Modified",
    'add_header ETag "\\"own\\""; add_header Last-Modified "";',
    get("/file.txt"),
    200,
  ),
  served(
    "a file for some, a proxy for others",
    `location / { ${HTTP_1_1} if ($arg_p) { proxy_pass http://{b}; } }`,
    gets("/file.txt", "/file.txt?p=1"),
    [200, 200],
    { backends: { b: httpAnswer("from the backend") } },
  ),
  served(
    "a proxy is no file",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; if ($arg_x) { add_header X-If yes; } }`,
    gets("/file.txt", "/file.txt?x=1"),
    [200, 200],
    { backends: { b: httpAnswer("from the backend") } },
  ),
  served(
    "X-Accel-Redirect",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; } location /private/ { internal; alias {prefix}/{id}/; }`,
    gets("/any", "/private/file.txt"),
    [200, 404],
    {
      probe: false,
      backends: {
        b: httpAnswer(
          "",
          "X-Accel-Redirect: /private/file.txt\r\nContent-Type: a/b\r\nSet-Cookie: c=d\r\nX-Hidden: 1\r\n",
        ),
      },
    },
  ),
  served(
    "the access log",
    "access_log logs/{id}.log l;",
    [get("/file.txt"), get("/sub/"), get("/large.bin"), get("/large.bin", "Range: bytes=1-2\r\n")],
    [200, 200, 200, 206],
    {
      probe: false,
      http: 'log_format l "$status $body_bytes_sent $uri $request_uri $request_filename $document_root";',
    },
  ),
  served(
    "empty_gif",
    "location = /e { empty_gif; }",
    [
      get("/e"),
      head("/e"),
      get("/e", "If-Modified-Since: Mon, 28 Sep 1970 06:00:00 GMT\r\n"),
      get("/e", "Range: bytes=0-1\r\n"),
      post("/e", "b"),
    ],
    [200, 200, 304, 200, 405],
    { probe: false },
  ),
  served(
    "the body of a GET is thrown away",
    "",
    [`GET /file.txt HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody`, get("/sub/")],
    [200, 200],
  ),
  served(
    "auth_request to a file",
    "location / { auth_request /empty; } location = /empty { }",
    [get("/file.txt", "If-Modified-Since: Sun, 13 Sep 2020 12:26:40 GMT\r\n")],
    304,
  ),
  served("limit_rate_after", "limit_rate 1m; limit_rate_after 100k;", get("/large.bin"), 200),
  served(
    "settings without effect",
    "sendfile on; tcp_nopush on; aio off; directio 4m; directio_alignment 512; output_buffers 1 64k; read_ahead 1k; sendfile_max_chunk 512k; open_file_cache max=10 inactive=20s; open_file_cache_valid 10s; open_file_cache_min_uses 2; open_file_cache_errors on; disable_symlinks off;",
    [get("/file.txt"), get("/large.bin")],
    [200, 200],
  ),
  served(
    "limit_except",
    "location / { limit_except GET { deny all; } }",
    [get("/file.txt"), post("/file.txt", "b")],
    [200, 403],
    { probe: false },
  ),
  served(
    "if and -f",
    "if (!-f $request_filename) { return 402; }",
    gets("/file.txt", "/missing", "/sub"),
    [200, 402, 402],
    { probe: false },
  ),
  served(
    "auth_basic",
    'auth_basic "realm"; auth_basic_user_file {prefix}/{id}/empty; error_page 401 /404.html; location = /404.html { auth_basic off; }',
    get("/file.txt"),
    401,
    { probe: false },
  ),
  served(
    "a rewrite to a file",
    "rewrite ^/old/(.*)$ /$1; rewrite ^/last$ /file.txt last;",
    gets("/old/file.txt", "/last", "/old/sub"),
    [200, 200, 301],
    { probe: false },
  ),
  served(
    "an internal location",
    "location /sub/ { internal; }",
    gets("/sub/index.html", "/sub/"),
    [404, 404],
    { probe: false },
  ),
  served(
    "a location that redirects to a named one",
    "error_page 404 = @n; location @n { root {prefix}/{id}/sub; }",
    gets("/index.php", "/missing"),
    [200, 404],
    { probe: false },
  ),
]

export const staticCases: readonly ComparisonCase[] = [...files, ...types, ...around]
