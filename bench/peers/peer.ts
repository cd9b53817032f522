/** What a proxy must be able to say of itself to be measured. */
export interface Peer {
  readonly name: string
  /** The others are compared with it. */
  readonly isReference: boolean
  /** Why it cannot run here and how to get it, or false when it can. */
  missing(): string | false
  /** Its version, in a few words. */
  version(): Promise<string>
  /** Writes its files below `setup.folder` and says how it is started there, in the foreground. */
  prepare(setup: PeerSetup): Command
}

/** One start of a proxy. All that it writes goes below `folder`. */
export interface PeerSetup {
  readonly folder: string
  readonly port: number
  readonly tlsPort: number
  readonly backendPort: number
  readonly workers: number
  readonly certificateFile: string
  readonly keyFile: string
}

export interface Command {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** Puts the values of `setup` in place of `{port}`, `{backend_port}` and the like. */
export function fillIn(text: string, setup: PeerSetup): string {
  return text
    .replaceAll("{folder}", setup.folder)
    .replaceAll("{port}", String(setup.port))
    .replaceAll("{tls_port}", String(setup.tlsPort))
    .replaceAll("{backend_port}", String(setup.backendPort))
    .replaceAll("{workers}", String(setup.workers))
    .replaceAll("{certificate}", setup.certificateFile)
    .replaceAll("{key}", setup.keyFile)
}
