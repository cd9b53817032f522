import { compareWithNginx } from "./compare.ts"
import { refererCases } from "./referer.cases.ts"

compareWithNginx("referer", refererCases)
