import { compareWithNginx } from "./compare.ts"
import { trailerCases } from "./trailers.cases.ts"

compareWithNginx("trailers", trailerCases)
