import { compareWithNginx } from "./compare.ts"
import { requestLineAndHeadCases } from "./request-line-and-head.cases.ts"

compareWithNginx("request line and head", requestLineAndHeadCases)
