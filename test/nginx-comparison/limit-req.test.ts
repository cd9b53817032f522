import { compareWithNginx } from "./compare.ts"
import { limitReqCases } from "./limit-req.cases.ts"

compareWithNginx("limit_req", limitReqCases)
