import { compareWithNginx } from "./compare.ts"
import { staticFolderCases } from "./static-folders.cases.ts"

compareWithNginx("listings of folders, files that are there compressed", staticFolderCases)
