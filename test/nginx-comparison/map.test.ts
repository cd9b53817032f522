import { compareWithNginx } from "./compare.ts"
import { mapCases } from "./map.cases.ts"
import { mapLogCases } from "./map-log.cases.ts"
import { mapSplitClientsCases } from "./map-split-clients.cases.ts"

compareWithNginx("map", mapCases)
compareWithNginx("map in logs and tunnels", mapLogCases)
compareWithNginx("split_clients", mapSplitClientsCases)
