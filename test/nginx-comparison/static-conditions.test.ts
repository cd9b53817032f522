import { compareWithNginx } from "./compare.ts"
import { staticConditionCases } from "./static-conditions.cases.ts"

compareWithNginx("conditions and ranges", staticConditionCases)
