import { compareWithNginx } from "./compare.ts"
import { proxyResponseCases } from "./proxy-response.cases.ts"

compareWithNginx("proxy response", proxyResponseCases)
