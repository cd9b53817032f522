import { compareWithNginx } from "./compare.ts"
import { proxyProtocolCases } from "./proxy-protocol.cases.ts"

compareWithNginx("the PROXY protocol", proxyProtocolCases)
