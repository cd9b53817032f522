import { compareWithNginx } from "./compare.ts"
import { mirrorCases } from "./mirror.cases.ts"

compareWithNginx("mirror", mirrorCases)
