import { accessAndHeadersCases } from "./access-and-headers.cases.ts"
import { compareWithNginx } from "./compare.ts"

compareWithNginx("access and headers", accessAndHeadersCases)
