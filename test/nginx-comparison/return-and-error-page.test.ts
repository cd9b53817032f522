import { compareWithNginx } from "./compare.ts"
import { returnAndErrorPageCases } from "./return-and-error-page.cases.ts"

compareWithNginx("return and error page", returnAndErrorPageCases)
