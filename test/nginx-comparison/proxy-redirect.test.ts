import { compareWithNginx } from "./compare.ts"
import { proxyRedirectCases } from "./proxy-redirect.cases.ts"

compareWithNginx("proxy redirect", proxyRedirectCases)
