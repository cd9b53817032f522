import { clientBodyCases } from "./client-body.cases.ts"
import { compareWithNginx } from "./compare.ts"

compareWithNginx("bodies of clients", clientBodyCases)
