import { compareWithNginx } from "./compare.ts"
import { proxyTempCases } from "./proxy-temp.cases.ts"

compareWithNginx("answers that wait for their client", proxyTempCases)
