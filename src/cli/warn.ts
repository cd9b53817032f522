/** The findings of `check` that `-t` speaks of, in the form of nginx's warnings. */
import { HoldfastError } from "../base/error.ts"
import { checkTree } from "../check/engine.ts"
import type { Finding } from "../check/finding.ts"
import { decodeSource } from "../check/input.ts"
import { RULES } from "../check/rules/index.ts"
import { parseTarget } from "../check/target.ts"
import { readTree } from "../check/tree.ts"
import type { Sources } from "../config/sources.ts"
import { PRODUCT } from "../runtime/special-response.ts"
import { say } from "./terminal.ts"

/** Warns of what is found in a configuration that holds. `file` is latin1, as `sources` is asked. */
export function warnOfFindings(file: string, sources: Sources): void {
  const lines = findingsOf(file, sources)
    .filter(({ severity }) => severity !== "info")
    .map(lineOf)
  // In one write: there may be thousands.
  if (lines.length > 0) say(lines.join(`\n${PRODUCT}: `))
}

function findingsOf(file: string, sources: Sources): readonly Finding[] {
  const folder = fromLatin1(file.slice(0, file.lastIndexOf("/") + 1))
  try {
    const tree = readTree(fromLatin1(file), folder, (path) => decodeSource(sources.read(toLatin1(path))))
    return checkTree(tree, parseTarget("holdfast"), RULES).findings
  } catch (error) {
    // The configuration holds: what `check` cannot do with it is no reason to say otherwise.
    if (!(error instanceof HoldfastError)) say(`[warn] check failed: ${(error as Error).message}`)
    return []
  }
}

function lineOf({ message, ruleId, file, line }: Finding): string {
  return toLatin1(`[warn] ${message.replaceAll("\n", " ").replace(/\.$/, "")} [${ruleId}] in ${file}:${line}`)
}

function fromLatin1(text: string): string {
  return Buffer.from(text, "latin1").toString("utf8")
}

function toLatin1(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1")
}
