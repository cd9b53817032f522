/** A module: directive rows, variables and handlers of one feature. */
import type { Logger } from "../base/logger.ts"
import type { ReadBuffer } from "../base/read-buffer.ts"
import type { TimerWheel } from "../base/timers.ts"
import type { Defaults } from "../config/merge.ts"
import type { Directive } from "../config/parser.ts"
import type { Conf, Rows, ValueContext } from "../config/row.ts"
import type { Scope } from "../config/scope.ts"
import type { RequestHeadParsers } from "../http/request-head-pool.ts"
import type { LogClock } from "./client.ts"
import type { Location } from "./location.ts"
import type { OpenTunnels } from "./open-tunnel.ts"
import type { PhaseName, PhaseResult } from "./phases.ts"
import type { Progress } from "./progress.ts"
import type { Request } from "./request.ts"
import type { VariableRows } from "./variables.ts"

/** A file that takes whole lines, buffered: the access log. */
export interface LogFile {
  /** At any time: a file that nobody uses any more is opened for the line, and closed again. */
  write(line: string): void
  /** Ends one use of the file. For uses that began while a request ran: a generation's are given back with it. */
  close(): void
}

/** Numbers shared by all workers. */
export interface Counters {
  add(counter: number, delta: number): void
  total(counter: number): number
}

/** Why a handshake did not end in a tunnel. */
export interface HandshakeFailure {
  readonly cause: FailureCause
  /** What the client was answered, or the backend's answer where it had one; 0: nothing. */
  readonly status: number
  /** The address of the backend, as `$upstream_addr` has it; "" where none was asked. */
  readonly peer: string
  /** The part of the handshake that is wrong, where the client's own is; "" otherwise. */
  readonly part: string
}

export const FAILURE_CAUSES = [
  /** The backend's status was another than 101. */
  "backend-status",
  /** The same, of a backend that was never asked for an upgrade: the location does not pass the fields on. */
  "upgrade-not-forwarded",
  "connect-refused",
  "connect-timeout",
  /** Another error of connect(2). */
  "connect-failed",
  "tls-failed",
  "reset",
  /** The backend closed before it had answered. */
  "closed",
  "answer-timeout",
  "invalid-header",
  /** A 101 that must not be relayed. */
  "invalid-101",
  "no-live-upstreams",
  "name-not-resolved",
  /** Answered here: access rules, passwords, limits, `return`, files. */
  "own-status",
  "bad-handshake",
  "client-gone",
] as const
export type FailureCause = (typeof FAILURE_CAUSES)[number]

/** What became of the handshakes of one location, in this worker. It holds nothing of a generation. */
export interface LocationCounts {
  tunnelOpened(): void
  /** To be called once for each that was opened, when it is over; bound. */
  readonly tunnelClosed: () => void
  handshakeFailed(failure: HandshakeFailure): void
}

export interface HandshakeCounts {
  /** The counts of a location by its text, those of earlier generations included. */
  of(server: string, location: string): LocationCounts
}

/** What a worker offers to the modules while it lives. */
export interface WorkerServices {
  readonly workerIndex: number
  readonly timers: TimerWheel
  readonly counters: Counters
  readonly tunnels: OpenTunnels
  readonly handshakes: HandshakeCounts
  readonly clock: LogClock
  readonly headParsers: RequestHeadParsers
  /** `-e`: the error log where the configuration names none; undefined for the default. */
  readonly errorLogPath: string | undefined
  /** Memory that all connections to upstreams read into: what came is copied out at once. */
  readonly readBuffer: ReadBuffer
  /** The wall clock in milliseconds, at most a tick old. */
  nowMs(): number
  /** The time now for `Date`, made once a second. */
  httpDate(): string
  logFile(path: string, options: { bufferBytes: number; flushMs: number }): LogFile
  errorLog(path: string, level: number): Logger
  /** Shared memory by name: the same bytes in each worker and in each generation, zero at first. */
  sharedMemory(name: string, bytes: number): SharedArrayBuffer
  /** The same for this worker alone: the same bytes in each of its generations, zero at first. */
  localMemory(name: string, bytes: number): SharedArrayBuffer
  /** The addresses of a name, resolved before the building began; undefined when there are none. */
  addresses(host: string): readonly string[] | undefined
}

/** What one asks a module by, to get what it built for a location or for the generation. */
export interface LocationPart<L> {
  readonly index: number
  readonly buildLocation: ((conf: unknown, context: LocationContext) => L | undefined) | undefined
}
export interface MainPart<M> {
  readonly index: number
  readonly buildMain: ((conf: unknown, context: BuildContext) => M) | undefined
}

export interface BuildContext {
  /** The error log of the main context, for what belongs to no request. */
  readonly mainLog: Logger
  /** For `mergedConf` of blocks that a module reads by itself. */
  readonly defaults: Defaults
  readonly services: WorkerServices
  /** The number of the generation that is being built: the same in all workers, another one after each reload. */
  readonly generation: number
  readonly scope: Scope
  /** What `module` made for the whole generation. */
  main<M>(module: MainPart<M>): M
  /** What `module` made for the generation before this one; undefined in the first. */
  previousMain<M>(module: MainPart<M>): M | undefined
  /** A context to fail or warn with, blamed on `directive`. */
  blame(directive: Directive): ValueContext
  /** The directive that set `name` at this scope; undefined where it is the default. */
  directiveOf(name: string): Directive | undefined
  readonly prefix: string
}

export interface LocationContext extends BuildContext {
  readonly location: Location
  /**
   * The location that a request is in within a block inside of this one (`if`): it has the name of this one and
   * inherits all of it, what answers included. It is built right after this one.
   */
  inner(scope: Scope): Location
}

/** Logs the end of a tunnel. */
export type TunnelLogger = (progress: Progress) => void

export interface ModuleDefinition<R extends Rows, L, M> {
  readonly name: string
  readonly directives: R
  readonly variables?: VariableRows
  /** Built once a generation, from the `http` block. */
  main?(conf: Conf<R>, context: BuildContext): M
  /** Built for each server and location; undefined: nothing to do there. */
  location?(conf: Conf<R>, context: LocationContext): L | undefined
  readonly phases?: Partial<Record<PhaseName, (request: Request, conf: L) => PhaseResult>>
  /** Changes the response's head before it is sent. */
  headers?(request: Request, conf: L): void
  /** Runs once when the request is over. */
  log?(request: Request, conf: L): void
  /**
   * In place of `log` for a request that becomes a tunnel: called at its beginning, it returns what logs at its
   * end. That must hold nothing of the generation, which a tunnel outlives: neither `request` nor `conf`.
   */
  logTunnel?(request: Request, conf: L): TunnelLogger | undefined
  /** Begins work of its own (timers) with what `main` made: its generation is in force in this worker now. */
  activate?(main: M): void
  /** Ends what `main` made, when its generation is retired, whether it was ever in force or not. */
  dispose?(main: M): void
}

/** A module as the rest of the program holds it: its types are those of what it builds. */
export interface Module<L, M> extends LocationPart<L>, MainPart<M> {
  readonly name: string
  readonly directives: Rows
  readonly variables: VariableRows | undefined
  /** Its place among the modules: handlers of one phase run in this order. Set when they are listed. */
  index: number
  readonly buildMain: ((conf: unknown, context: BuildContext) => M) | undefined
  readonly buildLocation: ((conf: unknown, context: LocationContext) => L | undefined) | undefined
  readonly phases: Partial<Record<PhaseName, (request: Request, conf: L) => PhaseResult>>
  readonly headers: ((request: Request, conf: L) => void) | undefined
  readonly log: ((request: Request, conf: L) => void) | undefined
  readonly logTunnel: ((request: Request, conf: L) => TunnelLogger | undefined) | undefined
  readonly activate: ((main: M) => void) | undefined
  readonly dispose: ((main: M) => void) | undefined
}

export function defineModule<const R extends Rows, L = undefined, M = undefined>(
  definition: ModuleDefinition<R, L, M>,
): Module<L, M> {
  return {
    name: definition.name,
    directives: definition.directives,
    variables: definition.variables,
    index: -1,
    buildMain: definition.main as Module<L, M>["buildMain"],
    buildLocation: definition.location as Module<L, M>["buildLocation"],
    phases: definition.phases ?? {},
    headers: definition.headers,
    log: definition.log,
    logTunnel: definition.logTunnel,
    activate: definition.activate,
    dispose: definition.dispose,
  }
}
