import { compareWithNginx } from "./compare.ts"
import { namedLocationCases } from "./named-location.cases.ts"

compareWithNginx("named location", namedLocationCases)
