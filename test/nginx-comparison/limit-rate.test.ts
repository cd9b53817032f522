import { compareWithNginx } from "./compare.ts"
import { limitRateCases } from "./limit-rate.cases.ts"

compareWithNginx("limit_rate", limitRateCases)
