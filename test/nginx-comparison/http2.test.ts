import { compareWithNginx } from "./compare.ts"
import { http2Cases } from "./http2.cases.ts"
import { http2RefusalCases } from "./http2-refusals.cases.ts"

compareWithNginx("HTTP/2", [...http2Cases, ...http2RefusalCases])
