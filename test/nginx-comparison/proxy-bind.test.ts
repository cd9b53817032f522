import { compareWithNginx } from "./compare.ts"
import { proxyBindCases } from "./proxy-bind.cases.ts"

compareWithNginx("proxy_bind", proxyBindCases)
