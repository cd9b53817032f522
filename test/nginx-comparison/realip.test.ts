import { compareWithNginx } from "./compare.ts"
import { realipCases } from "./realip.cases.ts"

compareWithNginx("realip", realipCases)
