import { compareWithNginx } from "./compare.ts"
import { variablesAndLogCases } from "./variables-and-log.cases.ts"

compareWithNginx("variables and log", variablesAndLogCases)
