import { compareWithNginx } from "./compare.ts"
import { satisfyCases } from "./satisfy.cases.ts"

compareWithNginx("satisfy", satisfyCases)
