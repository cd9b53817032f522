import { charsetCases } from "./charset.cases.ts"
import { compareWithNginx } from "./compare.ts"

compareWithNginx("charset", charsetCases)
