/** What parseArgs of node:util complains of, in one line. */
export function optionFault(error: unknown): string {
  const text = (error as Error).message.replaceAll("\n", " ")
  // The rest of it is about arguments that begin with a dash.
  return text.replace(/(?<=^Unknown option '[^']*')\. .*$/, "")
}
