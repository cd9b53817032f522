import { compareWithNginx } from "./compare.ts"
import { uriAndLocationCases } from "./uri-and-location.cases.ts"

compareWithNginx("uri and location", uriAndLocationCases)
