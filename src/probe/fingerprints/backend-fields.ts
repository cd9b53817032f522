/** Header fields by which an application's server or library is known. nginx and Envoy put their own Server in its place. */
import type { FieldMark } from "./edge-fields.ts"
import type { BackendProduct } from "./identity.ts"

export const BACKEND_FIELDS: readonly FieldMark<BackendProduct>[] = [
  // Seen by running: websockets 10.4, Tornado 6.5, uvicorn 0.54, Express 5, Werkzeug 3.1, aiohttp 3.14, Hypercorn 0.13,
  // Daphne 4.0, gunicorn 20.1 and 26.2 (which have no version any more), PHP 8.2. Puma has no Server.
  { product: "websockets", field: "server", pattern: /\bwebsockets\/(\S+)/ },
  { product: "tornado", field: "server", pattern: /^TornadoServer\/(\S+)/ },
  { product: "uvicorn", field: "server", pattern: /^uvicorn$/ },
  { product: "express", field: "x-powered-by", pattern: /^Express$/ },
  { product: "werkzeug", field: "server", pattern: /^Werkzeug\/(\S+)/ },
  { product: "aiohttp", field: "server", pattern: /\baiohttp\/(\S+)/ },
  { product: "hypercorn", field: "server", pattern: /^hypercorn-/ },
  { product: "daphne", field: "server", pattern: /^daphne$/i },
  { product: "gunicorn", field: "server", pattern: /^gunicorn(?:\/(\S+))?/ },
  { product: "php", field: "x-powered-by", pattern: /^PHP\/(\S+)/ },
  // cowboy/src/cowboy_req.erl: response_headers.
  { product: "cowboy", field: "server", pattern: /^Cowboy$/i },
  // learn.microsoft.com/aspnet/core: sample answers.
  { product: "kestrel", field: "server", pattern: /^Kestrel$/ },
  { product: "jetty", field: "server", pattern: /^Jetty\(([^)]+)\)/ },
  // Before Tomcat 8.5.3, later ones have none; the number is not Tomcat's.
  { product: "tomcat", field: "server", pattern: /^Apache-Coyote\// },
  // "Undertow/1" of WildFly's default configuration, whatever the version.
  { product: "undertow", field: "x-powered-by", pattern: /^Undertow\// },
  // Rack::Runtime, which Rails has by default; other Rack applications may have it.
  { product: "rails", field: "x-runtime", pattern: /^\d+\.\d{6}$/ },
  // "Ratchet/0.4.4"; Laravel Reverb, which is made of its parts, has no number.
  { product: "ratchet", field: "x-powered-by", pattern: /^Ratchet(?:\/(\S+))?$/ },
  // "swoole-http-server", "OpenSwoole 4.11.1".
  { product: "swoole", field: "server", pattern: /^(?:swoole-http-server|OpenSwoole)/ },
  { product: "next.js", field: "x-powered-by", pattern: /^Next\.js/ },
]
