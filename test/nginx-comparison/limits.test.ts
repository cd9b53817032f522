import { compareWithNginx } from "./compare.ts"
import { limitsCases } from "./limits.cases.ts"

compareWithNginx("limits", limitsCases)
