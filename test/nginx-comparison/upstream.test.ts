import { compareWithNginx } from "./compare.ts"
import { upstreamCases } from "./upstream.cases.ts"

compareWithNginx("upstream", upstreamCases)
