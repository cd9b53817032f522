import { balancerCases } from "./balancers.cases.ts"
import { compareWithNginx } from "./compare.ts"

compareWithNginx("balancers", balancerCases)
