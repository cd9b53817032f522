/** Asks at a terminal for what the command line does not say. */
import { lstatSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { HoldfastError } from "../base/error.ts"
import {
  certificateCommand,
  certificateFaults,
  defaultCertificate,
  defaultKey,
  keyFaults,
} from "./certificate.ts"
import {
  DEFAULT_BACKEND,
  DEFAULT_OUTPUT,
  DEFAULT_TIMEOUT,
  defaultBackendCa,
  defaultBackendName,
  defaultName,
  defaultResolver,
  isPlainByDefault,
  isTls,
  missingOptions,
} from "./choices.ts"
import { DEFAULT_PATH, type Given, type InitOptions, listOf, parseOutput, parseSticky } from "./options.ts"
import type { Backend, Route } from "./plan.ts"
import type { Prompter } from "./prompter.ts"
import {
  parseBackend,
  parseBackendName,
  parseConfiguredFile,
  parseName,
  parsePath,
  parseResolver,
  parseTimeout,
} from "./values.ts"

/** What the dialogue ends with. */
export interface Answers {
  readonly given: Given
  /** The user said that the file may be overwritten. */
  readonly isForced: boolean
}

/**
 * Asks for all that was not given where something is missing, and in any case before a file is overwritten. Throws Left
 * where the user leaves. `nowMs` since 1970.
 */
export async function askFor(options: InitOptions, prompter: Prompter, nowMs: number): Promise<Answers> {
  const given = { ...options.given }
  if (missingOptions(given).length > 0) await askForChoices(given, options, prompter, nowMs)
  else given.output ??= parseOutput(DEFAULT_OUTPUT)
  return { given, ...(await askForOutput(given, options.isForced, prompter)) }
}

async function askForChoices(
  given: Given,
  options: InitOptions,
  prompter: Prompter,
  nowMs: number,
): Promise<void> {
  prompter.say("Enter takes what stands in brackets; several values have blanks between them.")
  prompter.say("Ctrl-C leaves, with nothing written.")
  given.names ??= await prompter.ask("Server names", defaultName(), listParser(parseName))
  await askForCertificate(given, given.names, prompter, nowMs)
  given.routes = await askForRoutes(given, prompter)
  if (!given.routes.some(({ path }) => path === "/")) await askForApplication(given, prompter)
  await askForBackendTls(given, given.routes, prompter)
  if (given.routes.some(({ backends }) => backends.length > 1))
    given.sticky ??= await prompter.ask("Sticky sessions: ip_hash or none", "ip_hash", parseSticky)
  given.timeout ??= await prompter.ask("Idle timeout of WebSockets", DEFAULT_TIMEOUT, parseTimeout)
  await askForResolver(given, options, prompter)
}

function listParser<T>(parse: (text: string) => T): (text: string) => readonly T[] {
  return (text) => listOf([text], parse)
}

async function askForCertificate(
  given: Given,
  names: readonly string[],
  prompter: Prompter,
  nowMs: number,
): Promise<void> {
  if (given.isPlain === true) return
  const isNew = given.certificate === undefined
  while (given.certificate === undefined) {
    const fallback = isPlainByDefault(names) ? "none" : defaultCertificate(names[0] ?? "")
    const answer = await prompter.ask("Certificate with its chain, or none", fallback, (text) =>
      text === "none" ? null : parseConfiguredFile(text),
    )
    if (answer === null) {
      given.isPlain = true
      prompter.say("  Plain HTTP then, for this machine alone: 127.0.0.1:8080.")
      return
    }
    if (await isKept(certificateFaults(answer, names, nowMs), prompter)) given.certificate = answer
  }
  const { certificate } = given
  while (given.key === undefined) {
    const answer = await prompter.ask("Private key", defaultKey(certificate), parseConfiguredFile)
    if (await isKept(keyFaults(answer, certificate), prompter)) given.key = answer
  }
  if (isNew && certificateFaults(certificate, names, nowMs).some((fault) => fault.endsWith("does not exist")))
    prompter.say(`  One way to get it: ${certificateCommand(certificate, given.key, names)}`)
}

async function isKept(faults: readonly string[], prompter: Prompter): Promise<boolean> {
  if (faults.length === 0) return true
  for (const fault of faults) prompter.say(`  ${fault}.`)
  return prompter.confirm("  Keep it all the same, to be mended later?")
}

async function askForRoutes(given: Given, prompter: Prompter): Promise<Route[]> {
  const routes: Route[] = []
  const addRoute = async (path: string): Promise<void> => {
    const fallback =
      routes
        .at(-1)
        ?.backends.map(({ address }) => address)
        .join(" ") ?? DEFAULT_BACKEND
    const question = `Backends of ${path}, host:port each`
    routes.push({ path, backends: await prompter.ask(question, fallback, backendsParser(given)) })
  }
  for (const route of given.routes ?? [])
    if (route.backends.length > 0) routes.push(route)
    else await addRoute(route.path)
  if (given.routes !== undefined) return routes
  await addRoute(await prompter.ask("WebSocket path", DEFAULT_PATH, parsePath))
  for (;;) {
    const next = await prompter.ask("Another WebSocket path, or none", "none", (text) =>
      newPath(text, routes),
    )
    if (next === null) return routes
    await addRoute(next)
  }
}

function newPath(text: string, routes: readonly Route[]): string | null {
  if (text === "none") return null
  const path = parsePath(text)
  if (routes.some((route) => route.path === path)) throw usage(`${path} is there already`)
  return path
}

/** Servers of one group, which all speak TLS or all do not. */
function backendsParser({ hasBackendTls }: Given): (text: string) => readonly Backend[] {
  return (text) => {
    const backends = listOf([text], parseBackend)
    isTls(backends, hasBackendTls)
    return backends
  }
}

async function askForBackendTls(given: Given, routes: readonly Route[], prompter: Prompter): Promise<void> {
  const groups = [...routes.map((route) => route.backends), given.application ?? []]
  const backends = groups.flat()
  if (given.hasBackendTls === undefined && backends.some(({ scheme }) => scheme === null))
    given.hasBackendTls = await prompter.confirm("Do the backends speak TLS?")
  if (!groups.some((group) => isTls(group, given.hasBackendTls))) return
  given.backendCa ??= await prompter.ask(
    "Authority of their certificates",
    defaultBackendCa(),
    parseConfiguredFile,
  )
  given.backendName ??= await prompter.ask(
    "Name in their certificates",
    defaultBackendName(backends) ?? "",
    parseBackendName,
  )
}

async function askForApplication(given: Given, prompter: Prompter): Promise<void> {
  given.application ??= await prompter.ask("Backends of all other paths, or none", "none", (text) =>
    text === "none" ? [] : backendsParser(given)(text),
  )
}

async function askForResolver(given: Given, { target }: InitOptions, prompter: Prompter): Promise<void> {
  if (given.resolver !== undefined || !target.since("1.27.3") || !hasNames(given)) return
  const question = "Name server for the backends' names, or none"
  given.resolver = await prompter.ask(question, defaultResolver(target) ?? "none", (text) =>
    text === "none" ? null : parseResolver(text),
  )
}

function hasNames({ routes, application }: Given): boolean {
  const all: Backend[] = [...(routes ?? []).flatMap(({ backends }) => backends), ...(application ?? [])]
  return all.some(({ hostName }) => hostName !== "" && hostName !== "localhost")
}

async function askForOutput(
  given: Given,
  isForced: boolean,
  prompter: Prompter,
): Promise<{ isForced: boolean }> {
  for (;;) {
    given.output ??= await prompter.ask("Write it to", DEFAULT_OUTPUT, parseWritable)
    if (isForced || !isThere(given.output)) return { isForced }
    if (await prompter.confirm(`  ${given.output} exists. Overwrite it?`)) return { isForced: true }
    given.output = undefined
  }
}

function parseWritable(text: string): string {
  const path = parseOutput(text)
  const fault = outputFault(path)
  if (fault !== undefined) throw usage(fault)
  return path
}

/** Why nothing can be written there; undefined where it can, or where a file is already. */
export function outputFault(path: string): string | undefined {
  if (path === "-") return undefined
  if (isFolder(path)) return `${path} is a folder: name a file in it`
  return isFolder(dirname(path)) ? undefined : `the folder ${dirname(path)} does not exist`
}

/** Whether something has that name, be it a link that leads nowhere. */
export function isThere(path: string): boolean {
  return path !== "-" && lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function usage(message: string): HoldfastError {
  return new HoldfastError("USAGE", message)
}
