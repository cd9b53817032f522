/** What a configuration is to hold: every choice made and checked, so that writing it down cannot fail. */
import type { Target } from "../check/target.ts"

export type Sticky = "ip_hash" | "none"

/** A server behind the proxy. */
export interface Backend {
  /** As `server` of an upstream takes it: "10.0.0.5:3000", "[::1]:3000", "unix:/run/app.sock". */
  readonly address: string
  /** Its host name, where it is known by one; "" for addresses and unix sockets. */
  readonly hostName: string
  /** Null: nothing was said. */
  readonly scheme: "http" | "https" | null
}

/** A path and the servers that take its WebSockets. */
export interface Route {
  readonly path: string
  readonly backends: readonly Backend[]
}

export interface Listen {
  /** As `listen` takes it: "443", "127.0.0.1:8443", "[::]:443". */
  readonly text: string
  /** "*" for every address. */
  readonly host: string
  readonly port: number
  readonly isLoopback: boolean
}

/** Absolute paths. */
export interface KeyPair {
  readonly certificate: string
  readonly key: string
}

/** How the certificates of the backends are verified. */
export interface BackendTls {
  readonly authorityFile: string
  /** The name that a certificate must bear. */
  readonly name: string
}

/** Servers under one name. */
export interface Group {
  readonly name: string
  readonly backends: readonly Backend[]
  /** Null: plain. */
  readonly tls: BackendTls | null
}

export interface SocketLocation {
  readonly path: string
  readonly group: Group
}

export interface Plan {
  readonly target: Target
  /** Only what belongs into an http block. */
  readonly isInclude: boolean
  readonly names: readonly string[]
  /** Null: plain HTTP, on loopback addresses alone. */
  readonly keyPair: KeyPair | null
  readonly listens: readonly Listen[]
  /** Where requests by plain HTTP are redirected; empty for nowhere. */
  readonly redirects: readonly Listen[]
  /** Where answers for Let's Encrypt's questions lie. */
  readonly acmeWebroot: string | null
  readonly sockets: readonly SocketLocation[]
  readonly application: Group | null
  readonly sticky: Sticky
  /** nginx's time text. */
  readonly timeout: string
  /** The name server for backends that have names; null: they are looked up once. */
  readonly resolver: string | null
  /** The folder for logs; null: errors go to standard error. */
  readonly logs: string | null
  /** Null: the program's default. */
  readonly pid: string | null
  readonly hasHsts: boolean
  readonly hasStatusPage: boolean
}

/** All groups, each once. */
export function groupsOf({ sockets, application }: Plan): readonly Group[] {
  const groups = new Set(sockets.map(({ group }) => group))
  return application === null ? [...groups] : [...groups, application]
}
