import { compareWithNginx } from "./compare.ts"
import { headerInheritCases } from "./header-inherit.cases.ts"

compareWithNginx("add_header through the levels", headerInheritCases)
