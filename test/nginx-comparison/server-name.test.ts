import { compareWithNginx } from "./compare.ts"
import { serverNameCases } from "./server-name.cases.ts"

compareWithNginx("server name", serverNameCases)
