import { after } from "node:test"
import { startDnsServer } from "../support/dns-server.ts"
import { freePort } from "../support/ports.ts"
import { compareWithNginx } from "./compare.ts"
import { resolverCases, resolverScript } from "./resolver.cases.ts"

const dns = await startDnsServer(resolverScript)
after(() => dns.close())

compareWithNginx("resolver", resolverCases(dns.port, await freePort()))
