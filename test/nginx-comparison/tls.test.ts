import { compareWithNginx } from "./compare.ts"
import { tlsCases } from "./tls.cases.ts"

compareWithNginx("tls", tlsCases)
