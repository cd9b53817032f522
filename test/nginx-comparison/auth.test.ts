import { authCases } from "./auth.cases.ts"
import { compareWithNginx } from "./compare.ts"

compareWithNginx("auth_basic", authCases)
