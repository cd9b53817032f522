/** What a line of the access log costs, in nanoseconds: made, and made and written to a file. */
import { rmSync } from "node:fs"
import { accessLog } from "../../src/modules/access-log.ts"
import { Fixture } from "../../src/modules/core-variables-fixture.ts"
import { escapeDefault, escapeJson } from "../../src/observe/log-escape.ts"
import { LogFiles } from "../../src/observe/log-file.ts"
import type { Request } from "../../src/runtime/request.ts"
import { Meter } from "./meter.ts"

const HEAD =
  "GET /api/v1/items?page=3&sort=name HTTP/1.1\r\nHost: example.com\r\nReferer: https://example.com/items\r\n" +
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n\r\n"

const FORMATS = [
  ["combined", ""],
  [
    "timed",
    "'$remote_addr $host \"$request\" $status $body_bytes_sent $request_time $upstream_addr $upstream_response_time $request_id'",
  ],
  [
    "json",
    `escape=json '{"t":"$time_iso8601","h":"$host","r":"$request","s":$status,"u":"$http_user_agent"}'`,
  ],
] as const

/** Requests whose heads were read apart, so that their strings are not the same ones each time. */
function requests(fixture: Fixture, pattern: string): Request[] {
  const location = fixture.location(pattern)
  return Array.from({ length: 64 }, () => {
    const request = fixture.request(location, HEAD)
    request.response.status = 200
    return request
  })
}

async function main(): Promise<void> {
  let conf = "access_log off;"
  for (const [name, text] of FORMATS) if (text !== "") conf += `log_format ${name} ${text};`
  conf += "server {"
  for (const [name] of FORMATS)
    conf += `location /${name} { access_log ${name}.log ${name} buffer=64k flush=1s; }`
  const fixture = new Fixture(`http { ${conf} } }`)
  const meter = new Meter()
  let length = 0
  let round = 0
  for (const [name] of FORMATS) {
    const all = requests(fixture, `/${name}`)
    const logs = all[0].location.of(accessLog) ?? []
    await meter.measureInTurns(`${name}: line`, () => {
      length += logs[0].format.line(all[round++ & 63]).length
    })
    await meter.measureInTurns(`${name}: line and write, buffer=64k`, () =>
      accessLog.log?.(all[round++ & 63], logs),
    )
  }
  await fixture.files.flush()
  const plain = Buffer.alloc(100, "abcdefghij/").toString("latin1")
  await meter.measureInTurns("escape=default, 100 bytes, nothing to escape", () => {
    length += escapeDefault(plain).length
  })
  await meter.measureInTurns("escape=json, 100 bytes, nothing to escape", () => {
    length += escapeJson(plain).length
  })
  const files = new LogFiles()
  const path = `${fixture.folder}unbuffered.log`
  const file = files.open(path)
  const line = `${plain}${plain}\n`
  await meter.measureInTurns("write of 200 bytes, no buffer=", () => file.write(line))
  await files.flush()
  rmSync(path)
  if (length === 0) throw new Error("nothing was made")
}

await main()
