import { compareWithNginx } from "./compare.ts"
import { staticPathCases } from "./static-paths.cases.ts"

compareWithNginx("roots, aliases and indexes", staticPathCases)
