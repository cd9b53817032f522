import { compareWithNginx } from "./compare.ts"
import { proxyCookieCases } from "./proxy-cookie.cases.ts"

compareWithNginx("proxy cookies, method and body", proxyCookieCases)
