/** The words of a command line, as the commands have theirs read. */
import { type ParseArgsConfig, parseArgs } from "node:util"
import { HoldfastError } from "./error.ts"

/** parseArgs of node:util. Throws USAGE, in one line. */
export function parseCommandLine<const T extends ParseArgsConfig>(
  config: T,
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config)
  } catch (error) {
    throw new HoldfastError("USAGE", faultOf(error as Error))
  }
}

function faultOf({ message }: Error): string {
  const text = message.replaceAll("\n", " ")
  // The rest of it is about arguments that begin with a dash.
  return text.replace(/(?<=^Unknown option '[^']*')\. .*$/, "")
}
