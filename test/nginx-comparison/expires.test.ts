import { compareWithNginx } from "./compare.ts"
import { expiresCases } from "./expires.cases.ts"

compareWithNginx("expires", expiresCases)
