/** Keys that sessions are kept of; a key may come from a variable. */
const MAX_KEYS = 64

/**
 * The latest TLS session of each kind of connection of a group, by connection key: proxy_ssl_session_reuse. A
 * session is good for what has the same key alone, since the key names the peer and all that TLS was asked for.
 */
export class TlsSessions {
  /** Null until the first comes: most groups speak no TLS. */
  private byKey: Map<string, Buffer> | null

  constructor() {
    this.byKey = null
  }

  get(key: string): Buffer | undefined {
    return this.byKey === null ? undefined : this.byKey.get(key)
  }

  set(key: string, session: Buffer): void {
    if (this.byKey === null) this.byKey = new Map()
    else if (this.byKey.size >= MAX_KEYS && !this.byKey.has(key)) this.byKey.clear()
    this.byKey.set(key, session)
  }
}
