import { compareWithNginx } from "./compare.ts"
import { limitExceptCases } from "./limit-except.cases.ts"

compareWithNginx("limit_except", limitExceptCases)
