/** What an answer tells of those who had a hand in it. */

/** A program or service at the edge, as `mends.ts` and verdicts name it. */
export type EdgeProduct =
  | "nginx"
  | "holdfast"
  | "haproxy"
  | "envoy"
  | "caddy"
  | "traefik"
  | "apache"
  | "iis"
  | "lighttpd"
  | "varnish"
  | "squid"
  | "cloudflare"
  | "aws-alb"
  | "aws-api-gateway"
  | "cloudfront"
  | "gcp-lb"
  | "azure-front-door"
  | "azure-application-gateway"
  | "fastly"
  | "akamai"
  | "heroku"
  | "fly"
  | "vercel"
  | "netlify"
  | "railway"
  | "render"
  | "kong"
  | "ngrok"

/** A library or server of applications. */
export type BackendProduct =
  | "ws"
  | "engine.io"
  | "sockjs"
  | "faye-websocket"
  | "express"
  | "next.js"
  | "websockets"
  | "tornado"
  | "aiohttp"
  | "uvicorn"
  | "starlette"
  | "hypercorn"
  | "daphne"
  | "gunicorn"
  | "werkzeug"
  | "websocketd"
  | "gorilla"
  | "coder-websocket"
  | "gobwas"
  | "x-net-websocket"
  | "go"
  | "rails"
  | "actioncable"
  | "phoenix"
  | "cowboy"
  | "kestrel"
  | "signalr"
  | "spring"
  | "vertx"
  | "tomcat"
  | "jetty"
  | "undertow"
  | "axum"
  | "actix"
  | "php"
  | "ratchet"
  | "swoole"

export interface Named<Product> {
  readonly product: Product
  /** As it says itself: "1.22.1". */
  readonly version?: string
  /** The bytes that say so: "Server: nginx/1.22.1", `page "<center>nginx/1.22.1</center>"`. */
  readonly because: string
}

/** What a backend misses in the request that it saw: a field that was lost on the way, or something that it refuses. */
export type Lost =
  /** The field Upgrade: websocket. */
  | "upgrade"
  /** "Upgrade" in the field Connection. */
  | "connection"
  /** Either of both, or all: a plain request came. */
  | "upgrade-or-connection"
  /** Sec-WebSocket-Key. */
  | "key"
  /** Sec-WebSocket-Version. */
  | "version"
  /** The request came as HTTP/1.0. */
  | "http-1.0"
  /** A Host that it accepts. */
  | "host"
  /** An Origin that it accepts. */
  | "origin"
  /** A subprotocol that it speaks. */
  | "subprotocol"
  /** GET. */
  | "method"
  /** A path that it knows. */
  | "path"
  /** Query parameters that name the transport and its version (Engine.IO), or the transport itself. */
  | "transport"
  /** A session that it knows: it was opened at another process, or is over (Engine.IO, SignalR). */
  | "session"
  /** The id that a negotiation before gives (SignalR). */
  | "negotiate"
  /** A session or token that it accepts. */
  | "credentials"

export interface Refusal {
  /** What is missing. */
  readonly lost: Lost
  /** What else would make it say the same; empty where there is no doubt. */
  readonly orElse: readonly Lost[]
  /** Who says it; undefined where several have the same sentence. */
  readonly by: Named<BackendProduct> | undefined
  /** The sentence, printable, on one line. */
  readonly text: string
}

export interface Identity {
  /** Whoever the client is connected to, as far as the answer tells. */
  readonly edge?: Named<EdgeProduct>
  /**
   * Whose answer it is. "edge": it was made there, or at a proxy behind it, see `page`: the application has not been
   * asked, or has not answered. "backend": it came from the application and was passed on.
   */
  readonly answeredBy: "edge" | "backend" | "unknown"
  /** Whoever made the error page. Another product or version than `edge`: a proxy behind it. */
  readonly page?: Named<EdgeProduct>
  /** The application's library or server, where the answer shows it. */
  readonly backend?: Named<BackendProduct>
  readonly refusal?: Refusal
  /** What the error page of an edge says of the cause, where it does: "No server is available to handle this request." */
  readonly reason?: string
  /** Each entry of Via, nearest to the client last, as sent. */
  readonly via: readonly string[]
}
