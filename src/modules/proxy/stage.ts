/** Where a proxied request stands. */
export const IDLE = 0
/** A peer is not there at once: the request waits in a queue, or for the addresses of a name. */
export const AWAITING_PEER = 1
export const CONNECTING = 2
export const SENDING = 3
export const READING_HEAD = 4
export const READING_BODY = 5
export const OVER = 6

/** What is going on at a stage, in nginx's words for the error log. */
export const DOING = [
  "",
  "",
  " while connecting to upstream",
  " while sending request to upstream",
  " while reading response header from upstream",
  " while reading upstream",
  "",
] as const
