/** What the cases of HTTP/2 have in common. */
import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, HTTP_1_1 } from "./case.ts"
import type { Wire } from "./client-script.ts"
import { Http2Client, type Http2Place, type Http2Request } from "./http2-client.ts"

export const FORMAT =
  'log_format {id} "$status [$request] $http2 $server_protocol $connection_requests $request_completion";'
export const LOG = "access_log logs/{id}.log {id};"
export const ERRORS = "error_log logs/{id}.err info;"
export const PASS = `${HTTP_1_1} proxy_pass http://{b};`
export const TLS =
  "ssl_certificate {crt:a.test}; ssl_certificate_key {key:a.test}; ssl_protocols TLSv1.2 TLSv1.3;"

/** Requests on one connection, one after the other, to a plain port that speaks HTTP/2. */
export function over2(
  name: string,
  server: string,
  requests: readonly Http2Request[],
  status: readonly number[],
  more: Partial<ComparisonCase> & { place?: Http2Place; listen?: string } = {},
): ComparisonCase {
  const { place, listen = "http2", ...rest } = more
  return {
    name,
    http: FORMAT,
    servers: `server { listen {listen} ${listen}; ${LOG} ${server} }`,
    send: (wire) => inTurn(wire, requests, place),
    status,
    ...rest,
  }
}

export async function inTurn(
  wire: Wire,
  requests: readonly Http2Request[],
  place?: Http2Place,
): Promise<void> {
  const client = await Http2Client.open(wire, place)
  for (const request of requests) await client.exchange(request)
  client.close()
}

/** A request whose head ends the connection. */
export function endsConnection(name: string, headers: Record<string, string>): ComparisonCase {
  return over2(name, `${ERRORS} location / { return 200; }`, [], [0], {
    send: async (wire) => {
      const client = await Http2Client.open(wire)
      const goaway = client.goaway()
      const exchange = client.exchange({ headers })
      wire.note(await goaway)
      await exchange
      await client.closed
    },
  })
}

export const GET = (path: string, headers: Record<string, string | string[]> = {}): Http2Request => ({
  headers: { ":path": path, ...headers },
})
export const POST = (path: string, body: string, headers: Record<string, string> = {}): Http2Request => ({
  headers: { ":path": path, ":method": "POST", ...headers },
  body,
})

export const SHOW =
  'location / { return 200 "$http2 $request_method $uri $args $host $http_host $scheme $server_protocol\\n"; }'
const ECHO_BACKEND: BackendScript = ({ method, target, body }) =>
  httpAnswer(`${method} ${target} ${body.length}\n`, "X-One: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n")
export const B = { b: ECHO_BACKEND }
export const BIG = "0123456789abcdef".repeat(65_536)
