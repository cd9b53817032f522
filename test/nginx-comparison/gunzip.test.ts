import { compareWithNginx } from "./compare.ts"
import { gunzipCases } from "./gunzip.cases.ts"

compareWithNginx("gunzip", gunzipCases)
