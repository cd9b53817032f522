import { compareWithNginx } from "./compare.ts"
import { rewriteCases } from "./rewrite.cases.ts"

compareWithNginx("rewrite", rewriteCases)
