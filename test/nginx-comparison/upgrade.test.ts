import { compareWithNginx } from "./compare.ts"
import { upgradeCases } from "./upgrade.cases.ts"

compareWithNginx("upgrade", upgradeCases)
