import { compareWithNginx } from "./compare.ts"
import { geoCases } from "./geo.cases.ts"

compareWithNginx("geo", geoCases)
