import { compareWithNginx } from "./compare.ts"
import { errorPageCases } from "./error-page.cases.ts"

compareWithNginx("error page", errorPageCases)
