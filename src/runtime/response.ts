import { HeaderList } from "../http/header-list.ts"

/** What will be sent to the client, until its head has gone out. */
export class Response {
  /** 0 until something decides. */
  status = 0
  /** The reason phrase of an upstream, maybe empty; null for the standard one. */
  reason: string | null = null
  /** All fields but those that frame the message or are the connection's own. */
  readonly headers = new HeaderList()
  /** "" sends no Content-Type. */
  contentType = ""
  /** Bytes of the body; -1 where it is not known before its end. */
  contentLength = -1
  /** `Server` and `Date` come from an upstream (proxy_pass_header) and are in `headers`. */
  hasServer = false
  hasDate = false
  /** `Location` is this server's own making: a path in it gets scheme and host (absolute_redirect). */
  isLocationOwn = false

  /** Redirects to `location`, a URL or a path, in this server's own name. */
  setLocation(location: string): void {
    this.headers.set("Location", location)
    this.isLocationOwn = true
  }
}
