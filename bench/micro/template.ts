/** Time to evaluate a text with variables: `node bench/micro/template.ts`. Nanoseconds per value. */
import { coreVariables } from "../../src/modules/core-variables.ts"
import { Fixture } from "../../src/modules/core-variables-fixture.ts"
import { splitTemplate, Template } from "../../src/runtime/template.ts"
import { VariableRegistry } from "../../src/runtime/variables.ts"
import { Meter } from "./meter.ts"

const HEAD =
  "GET /ws/room?id=17&name=x HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Cookie: theme=dark; session=0123456789abcdef\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n"

const TEXTS = [
  "upgrade",
  "$host",
  "$remote_addr",
  "$http_upgrade",
  "$http_x_forwarded_for, $remote_addr",
  "$scheme://$host$request_uri",
  "$remote_addr:$server_port:$cookie_session",
  "$arg_id-$request_method-$uri",
]

const fixture = new Fixture("http { access_log off; server { location / { } } }")
const location = fixture.location("/")
const request = fixture.request(location, HEAD)
const registry = new VariableRegistry()
if (coreVariables.variables !== undefined) registry.add(coreVariables.variables)

function fail(message: string): never {
  throw new Error(message)
}

/** As the rows' value parser makes it, with the variables bound at once. */
function compile(text: string): Template {
  const context = { fail } as unknown as Parameters<typeof splitTemplate>[1]
  const parts = splitTemplate(text, context).map((piece) =>
    piece.isVariable
      ? (registry.resolve(piece.text) ?? fail(`unknown "${piece.text}" variable`))
      : piece.text,
  )
  return new Template(text, parts)
}

const meter = new Meter()
let length = 0
for (const text of TEXTS) {
  const template = compile(text)
  if (template.evaluate(request) === "") fail(`"${text}" is empty`)
  meter.measure(`"${text}"`, () => {
    length += template.evaluate(request).length
  })
}
if (length === 0) fail("nothing was made")
