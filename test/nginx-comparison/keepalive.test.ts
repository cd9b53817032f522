import { compareWithNginx } from "./compare.ts"
import { keepaliveCases } from "./keepalive.cases.ts"

compareWithNginx("kept connections", keepaliveCases)
