/** The published package, built from this checkout into a folder of its own. */
import { cpSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { buildProgram } from "../../scripts/build.ts"

const ROOT = fileURLToPath(new URL("../../", import.meta.url))

/** Does what `npm run build` and an installation do, in `folder`. Returns the path of the program. */
export async function buildPackage(folder: string): Promise<string> {
  await buildProgram(join(folder, "dist"))
  for (const path of ["bin", "package.json", ...packages()])
    cpSync(join(ROOT, path), join(folder, path), { recursive: true, dereference: true })
  return join(folder, "bin/holdfast.mjs")
}

/** The packages that an installation brings, by the lock file. */
function packages(): string[] {
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
    packages: Record<string, { dev?: boolean }>
  }
  return Object.keys(lock.packages).filter((path) => path !== "" && lock.packages[path]?.dev !== true)
}
