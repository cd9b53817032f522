/** `ms` since the epoch as an IMF-fixdate (RFC 9110 §5.6.7), as in Date: "Sun, 06 Nov 1994 08:49:37 GMT". */
export function httpDate(ms: number): string {
  // ECMA-262 (21.4.4.43) gives toUTCString exactly this form for years of four digits.
  return new Date(ms).toUTCString()
}
