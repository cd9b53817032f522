/** Where a proxied request stands. */
export const IDLE = 0
export const CONNECTING = 1
export const SENDING = 2
export const READING_HEAD = 3
export const READING_BODY = 4
export const OVER = 5

/** What is going on at a stage, in nginx's words for the error log. */
export const DOING = [
  "",
  " while connecting to upstream",
  " while sending request to upstream",
  " while reading response header from upstream",
  " while reading upstream",
  "",
] as const
