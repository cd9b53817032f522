import { compareWithNginx } from "./compare.ts"
import { limitConnCases } from "./limit-conn.cases.ts"

compareWithNginx("limit_conn", limitConnCases)
