import { compareWithNginx } from "./compare.ts"
import { proxyRequestCases } from "./proxy-request.cases.ts"

compareWithNginx("proxy request", proxyRequestCases)
