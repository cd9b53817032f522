import { compareWithNginx } from "./compare.ts"
import { tryFilesCases } from "./try-files.cases.ts"

compareWithNginx("try_files", tryFilesCases)
