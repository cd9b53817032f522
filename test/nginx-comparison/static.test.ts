import { compareWithNginx } from "./compare.ts"
import { staticCases } from "./static.cases.ts"

compareWithNginx("static files", staticCases)
