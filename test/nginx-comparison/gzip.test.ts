import { compareWithNginx } from "./compare.ts"
import { gzipCases } from "./gzip.cases.ts"

compareWithNginx("gzip", gzipCases)
