/** `-t` and `-T`. */
import { HoldfastError } from "../base/error.ts"
import type { Checked } from "../server/check-configuration.ts"
import { check } from "./check.ts"
import type { Options } from "./options.ts"
import type { Invocation } from "./paths.ts"
import { fail, say } from "./terminal.ts"

/** Says whether the configuration holds, sets the exit status where it does not, and returns it. */
export async function test(options: Options, invocation: Invocation): Promise<boolean> {
  const { file } = invocation
  let checked: Checked
  try {
    checked = await check(invocation)
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    fail(error.describe(), "emerg")
    say(`configuration file ${file} test failed`)
    return false
  }
  if (!options.isQuiet) {
    say(`the configuration file ${file} syntax is ok`)
    say(`configuration file ${file} test is successful`)
    const { warnOfFindings } = await import("./warn.ts")
    warnOfFindings(file, checked.sources)
  }
  if (!options.isDump) return true
  const { sources } = checked
  for (const path of sources.configurationFiles)
    process.stdout.write(
      `# configuration file ${path}:\n${sources.read(path).toString("latin1")}\n`,
      "latin1",
    )
  return true
}
