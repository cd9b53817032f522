import { mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/**
 * Makes a fresh, empty folder for one test and returns its absolute path. The folder is removed when the
 * process exits, at the latest; remove it earlier with `removeTempFolder`.
 */
export function makeTempFolder(label = "test"): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), `holdfast-${label}-`))
  process.once("exit", () => removeTempFolder(folder))
  // One listener a folder: a test file with many edges is no leak.
  process.setMaxListeners(0)
  return folder
}

/** Removes a folder made by `makeTempFolder` with all that is in it. It is no error when it is gone. */
export function removeTempFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}
