import { bodyCases } from "./body.cases.ts"
import { compareWithNginx } from "./compare.ts"

compareWithNginx("body", bodyCases)
