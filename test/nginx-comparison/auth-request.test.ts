import { authRequestCases } from "./auth-request.cases.ts"
import { compareWithNginx } from "./compare.ts"

compareWithNginx("auth_request", authRequestCases)
