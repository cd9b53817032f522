/** Finds the servers behind a name, or behind a service of a name (SRV records, RFC 2782). ngx_resolve_name. */
import {
  HOST_NOT_FOUND,
  type NameAnswer,
  type NameResolver,
  type ServiceRecord,
  TIMED_OUT,
} from "./name-resolver.ts"
import type { PeerWait } from "./peer-wait.ts"

export interface FoundServer {
  readonly host: string
  /** The fields of the SRV record; 0, 1, 0, "" and false without one. */
  readonly port: number
  readonly weight: number
  readonly priority: number
  /** The name of the target. */
  readonly name: string
  /** Another server has a higher priority, which is a lower number. */
  readonly isBackup: boolean
}

export interface ServersAnswer {
  readonly servers: readonly FoundServer[]
  /** The last second, since the epoch, in which it is good. */
  readonly validSecond: number
  /** Why there are none; 0 where there are. */
  readonly code: number
  /** Targets of the service that have no addresses. */
  readonly failures: readonly { readonly name: string; readonly code: number }[]
}

export interface ServersQuestion {
  readonly name: string
  /** "" for the addresses of the name itself. */
  readonly service: string
  readonly timeoutMs: number
}

type Done = (answer: ServersAnswer) => void

/** Calls `done` once, but not before it has returned, and not when it has been cancelled. */
export function findServers(resolver: NameResolver, question: ServersQuestion, done: Done): PeerWait {
  return question.service === ""
    ? findAddresses(resolver, question, done)
    : new ServiceLookup(resolver, question, done)
}

function none(code: number): ServersAnswer {
  return { servers: [], validSecond: 0, code, failures: [] }
}

function findAddresses(resolver: NameResolver, { name, timeoutMs }: ServersQuestion, done: Done): PeerWait {
  return resolver.resolve(name, timeoutMs, {
    onAddresses: ({ ipv4, ipv6, validSecond }) => {
      const servers = [...ipv4, ...ipv6].map((host) => ({ host, ...NO_RECORD }))
      done({ servers, validSecond, code: 0, failures: [] })
    },
    onUnresolved: (code) => done(none(code)),
  })
}

const NO_RECORD = { port: 0, weight: 1, priority: 0, name: "", isBackup: false }

/** The name of the SRV records: `http` is `_http._tcp`, a service with a dot stands as it is. */
export function serviceName(service: string, name: string): string {
  return service.includes(".") ? `${service}.${name}` : `_${service}._tcp.${name}`
}

class ServiceLookup implements PeerWait {
  private readonly resolver: NameResolver
  private readonly timeoutMs: number
  private done: Done | null
  private waits: PeerWait[]

  constructor(resolver: NameResolver, { name, service, timeoutMs }: ServersQuestion, done: Done) {
    this.resolver = resolver
    this.timeoutMs = timeoutMs
    this.done = done
    this.waits = []
    resolver.resolveService(serviceName(service, name), (records) => {
      if (typeof records === "number") this.done?.(none(records))
      else if (this.done !== null) this.findTargets(records)
    })
  }

  cancel(): void {
    this.done = null
    for (const wait of this.waits) wait.cancel()
    this.waits = []
  }

  private findTargets(records: readonly ServiceRecord[]): void {
    const targets = new Array<NameAnswer | number>(records.length)
    let left = records.length
    const note = (i: number, answer: NameAnswer | number): void => {
      targets[i] = answer
      if (--left === 0) this.done?.(serversOf(records, targets))
    }
    for (const [i, { name }] of records.entries()) {
      const known = this.resolver.known(name)
      if (known !== null) note(i, known)
      else
        this.waits.push(
          this.resolver.resolve(name, this.timeoutMs, {
            onAddresses: (answer) => note(i, answer),
            onUnresolved: (code) => note(i, code),
          }),
        )
    }
  }
}

/** ngx_resolver_report_srv. Node does not tell how long SRV records are good; the addresses of their targets do. */
function serversOf(
  records: readonly ServiceRecord[],
  targets: readonly (NameAnswer | number)[],
): ServersAnswer {
  const servers: FoundServer[] = []
  const failures: { name: string; code: number }[] = []
  let validSecond = Number.POSITIVE_INFINITY
  const isFound = (_: ServiceRecord, i: number): boolean => typeof targets[i] !== "number"
  const highest = Math.min(...records.filter(isFound).map(({ priority }) => priority))
  records.forEach(({ name, port, weight, priority }, i) => {
    const target = targets[i]
    if (typeof target === "number") {
      failures.push({ name, code: target })
      return
    }
    validSecond = Math.min(validSecond, target.validSecond)
    const isBackup = priority !== highest
    // A weight of 0 is the smallest there is.
    for (const host of [...target.ipv4, ...target.ipv6])
      servers.push({ host, port, weight: Math.max(weight, 1), priority, name, isBackup })
  })
  if (servers.length > 0) return { servers, validSecond, code: 0, failures }
  const isMissing = failures.some(({ code }) => code === HOST_NOT_FOUND)
  return { ...none(isMissing ? HOST_NOT_FOUND : (failures[0]?.code ?? TIMED_OUT)), failures }
}
