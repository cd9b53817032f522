import { compareWithNginx } from "./compare.ts"
import { ifCases } from "./if.cases.ts"

compareWithNginx("if", ifCases)
