/** Which server serves a host name. ngx_http_server_names, ngx_http_find_virtual_server. */
import type { CompiledRegex } from "./regex.ts"
import type { Request } from "./request.ts"
import type { VirtualServer } from "./virtual-server.ts"

/** One name of `server_name`, in nginx's four forms. */
export type ServerName =
  | { readonly kind: "exact"; readonly name: string }
  /** `*.example.com` (name "example.com") and `.example.com` (also exact). */
  | { readonly kind: "leading"; readonly name: string }
  /** `www.*` (name "www"). */
  | { readonly kind: "trailing"; readonly name: string }
  | { readonly kind: "regex"; readonly regex: CompiledRegex }

export class ServerNames {
  readonly default: VirtualServer
  readonly #exact = new Map<string, VirtualServer>()
  readonly #leading = new Map<string, VirtualServer>()
  readonly #trailing = new Map<string, VirtualServer>()
  readonly #regexes: { readonly regex: CompiledRegex; readonly server: VirtualServer }[] = []

  constructor(defaultServer: VirtualServer) {
    this.default = defaultServer
  }

  /** Adds a name; false when another server has it already (nginx warns and ignores it). */
  add(name: ServerName, server: VirtualServer): boolean {
    if (name.kind === "regex") {
      this.#regexes.push({ regex: name.regex, server })
      return true
    }
    const map = name.kind === "exact" ? this.#exact : name.kind === "leading" ? this.#leading : this.#trailing
    if (map.has(name.name)) return false
    map.set(name.name, server)
    return true
  }

  /** The server for `host` (lower case, no port); the default where no name matches. */
  find(host: string, request: Request | null): VirtualServer {
    const exact = this.#exact.get(host)
    if (exact !== undefined) return exact
    if (host === "") return this.default
    return this.#byLeading(host) ?? this.#byTrailing(host) ?? this.#byRegex(host, request) ?? this.default
  }

  #byLeading(host: string): VirtualServer | undefined {
    if (this.#leading.size === 0) return undefined
    for (let dot = host.indexOf("."); dot !== -1; dot = host.indexOf(".", dot + 1)) {
      const found = this.#leading.get(host.slice(dot + 1))
      if (found !== undefined) return found
    }
    return undefined
  }

  #byTrailing(host: string): VirtualServer | undefined {
    if (this.#trailing.size === 0) return undefined
    for (let dot = host.lastIndexOf("."); dot > 0; dot = host.lastIndexOf(".", dot - 1)) {
      const found = this.#trailing.get(host.slice(0, dot))
      if (found !== undefined) return found
    }
    return undefined
  }

  #byRegex(host: string, request: Request | null): VirtualServer | undefined {
    for (const { regex, server } of this.#regexes) {
      if (request === null ? regex.regex.test(host) : request.match(regex, host)) return server
    }
    return undefined
  }
}
