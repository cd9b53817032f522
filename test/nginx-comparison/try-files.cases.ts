import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"

/** A file and a folder below nginx's default root. */
const FILES = { "html/{id}/file": "x", "html/{id}/folder/inner": "y" }

function tried(
  name: string,
  server: string,
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return { name: `try_files: ${name}`, server, files: FILES, send: get("/none?q=1"), status, ...more }
}

/** What is found goes to a backend, so that its URI can be seen. */
function found(
  name: string,
  args: string,
  send: ComparisonCase["send"],
  status: number | readonly number[],
): ComparisonCase {
  return tried(
    name,
    `${HTTP_1_1} location / { try_files ${args}; proxy_pass http://{b}; } location @n { return 404 "named $uri\\n"; }`,
    status,
    { backends: { b: httpAnswer("found") }, send },
  )
}

export const tryFilesCases: readonly ComparisonCase[] = [
  tried(
    "a named location",
    'location / { try_files $uri @n; } location @n { return 200 "$uri $args\\n"; }',
    200,
  ),
  tried("a status", "location / { try_files $uri =404; }", 404),
  tried("another status", "location / { try_files $uri $uri/ =503; }", 503),
  tried(
    "a status with an error page",
    'error_page 404 =200 /e; location / { try_files $uri =404; } location /e { return 200 "e\\n"; }',
    200,
  ),
  tried(
    "another URI",
    'location / { try_files $uri /to; } location /to { return 200 "$uri [$args]\\n"; }',
    200,
  ),
  tried(
    "another URI with arguments",
    'location / { try_files $uri /to?$args&u=$uri; } location /to { return 200 "$uri [$args]\\n"; }',
    200,
  ),
  tried(
    "another URI that is internal",
    'location / { try_files $uri /to; } location /to { internal; return 200 "i\\n"; }',
    200,
  ),
  tried(
    "a POST stays one",
    'location / { try_files $uri /to; } location /to { return 200 "$request_method\\n"; }',
    200,
    { send: post("/none", "body") },
  ),
  tried("itself, in a cycle", "location / { try_files $uri /none; }", 500),
  tried("a named location that is not there", "location / { try_files $uri @none; }", 500),
  tried(
    "a proxy as the fallback",
    `${HTTP_1_1} location / { try_files $uri @n; } location @n { proxy_pass http://{b}; }`,
    200,
    {
      backends: { b: httpAnswer("backend") },
      send: post("/no%20ne?q=1", "body"),
    },
  ),
  tried("in the server", "try_files $uri =402; location /x { return 200; }", 402),
  tried(
    "not where an if holds",
    'location / { try_files $uri =404; if ($arg_x) { add_header X-If yes; } return 200 "no\\n"; }',
    200,
  ),
  tried(
    "a rewrite comes before it",
    'location / { rewrite ^ /b break; try_files $uri /to?$uri; } location /to { return 200 "$args\\n"; }',
    200,
  ),
  tried(
    "$document_root and $request_filename",
    'location / { return 200 "$document_root $request_filename\\n"; }',
    200,
  ),
  tried("$realpath_root", 'location / { return 200 "$realpath_root\\n"; }', 200),
  tried(
    "-f $request_filename",
    'location / { if (-f $request_filename) { return 200 "file\\n"; } if (!-e $request_filename) { return 404; } return 200 "folder\\n"; }',
    [200, 200, 404],
    {
      send: async (wire) => {
        for (const path of ["file", "folder", "none"]) await wire.exchange(get(wire.expand(`/{id}/${path}`)))
      },
    },
  ),
  found(
    "a file that is there",
    "$uri @n",
    async (wire) => wire.exchange(get(wire.expand("/{id}/file?q=1"))),
    200,
  ),
  found(
    "a folder is no file",
    "$uri @n",
    async (wire) => wire.exchange(get(wire.expand("/{id}/folder"))),
    404,
  ),
  found(
    "a folder that is there",
    "$uri $uri/ @n",
    async (wire) => wire.exchange(get(wire.expand("/{id}/folder"))),
    200,
  ),
  found(
    "a file is no folder",
    "$uri/ @n",
    async (wire) => wire.exchange(get(wire.expand("/{id}/file"))),
    404,
  ),
  found("a fixed file", "/none /{id}/file @n", get("/other?q=1"), 200),
  found("the first of two", "/{id}/file /{id}/folder/inner @n", get("/other"), 200),
]
