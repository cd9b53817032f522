import { compareWithNginx } from "./compare.ts"
import { connectionCases } from "./connection.cases.ts"

compareWithNginx("connection", connectionCases)
