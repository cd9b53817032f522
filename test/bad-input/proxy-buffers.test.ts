import { describeBadInput, inHttp, inLocation, inServer } from "./bad-input.ts"

const LARGEST = 'the maximum of the value of "proxy_buffer_size" and one of the "proxy_buffers"'
const invalid = (name: string): string => `"${name}" directive invalid value`

/** The sizes are checked when the `http` block has been read: its end is what the message names. */
function atEnd(name: string, directives: string, error: string) {
  return { name, config: inLocation(directives).replace(/\}\n$/, "} #!\n"), error }
}

describeBadInput("buffers and temporary files of answers", [
  atEnd("one buffer", "proxy_buffers 1 64k;", 'there must be at least 2 "proxy_buffers"'),
  atEnd(
    "too few buffers for the busy ones",
    "proxy_buffers 2 4k;",
    '"proxy_busy_buffers_size" must be less than the size of all "proxy_buffers" minus one buffer',
  ),
  atEnd(
    "a head larger than all buffers",
    "proxy_buffer_size 64k;",
    '"proxy_busy_buffers_size" must be less than the size of all "proxy_buffers" minus one buffer',
  ),
  atEnd(
    "busy buffers smaller than one",
    "proxy_busy_buffers_size 1k;",
    `"proxy_busy_buffers_size" must be equal to or greater than ${LARGEST}`,
  ),
  atEnd(
    "busy buffers larger than all",
    "proxy_busy_buffers_size 100k;",
    '"proxy_busy_buffers_size" must be less than the size of all "proxy_buffers" minus one buffer',
  ),
  atEnd(
    "a small write",
    "proxy_temp_file_write_size 1k;",
    `"proxy_temp_file_write_size" must be equal to or greater than ${LARGEST}`,
  ),
  atEnd(
    "a small file",
    "proxy_max_temp_file_size 1k;",
    `"proxy_max_temp_file_size" must be equal to zero to disable temporary files usage or must be equal to or greater than ${LARGEST}`,
  ),
  {
    name: "in a server that proxies nothing",
    config: inServer("proxy_buffers 1 4k;").replace(/\}\n$/, "} #!\n"),
    error: 'there must be at least 2 "proxy_buffers"',
  },
  {
    name: "a file of gigabytes",
    config: inLocation("proxy_max_temp_file_size 1g; #!"),
    error: invalid("proxy_max_temp_file_size"),
  },
  {
    name: "a rate that is no size",
    config: inLocation("proxy_limit_rate x; #!"),
    error: invalid("proxy_limit_rate"),
  },
  {
    name: "a size of a table that is no number",
    config: inLocation("proxy_headers_hash_max_size x; #!"),
    error: '"proxy_headers_hash_max_size" directive invalid number',
  },
  {
    name: "proxy_send_lowat that is no size",
    config: inLocation("proxy_send_lowat x; #!"),
    error: invalid("proxy_send_lowat"),
  },
])

describeBadInput(
  "paths of temporary files",
  ["client_body_temp_path", "proxy_temp_path"].flatMap((name) => [
    { name: `${name} with a level of 0`, config: inLocation(`${name} {dir}/x 0; #!`), error: invalid(name) },
    {
      name: `${name} with a level that is no number`,
      config: inLocation(`${name} {dir}/x a; #!`),
      error: invalid(name),
    },
    {
      name: `${name} with too many digits`,
      config: inLocation(`${name} {dir}/x 3 8; #!`),
      error: invalid(name),
    },
    {
      name: `${name} with four levels`,
      config: inLocation(`${name} {dir}/x 1 1 1 1; #!`),
      error: `invalid number of arguments in "${name}" directive`,
    },
    {
      name: `${name} twice`,
      config: inServer(`${name} {dir}/x;\n${name} {dir}/y; #!`),
      error: `"${name}" directive is duplicate`,
    },
    {
      name: `${name} with other levels elsewhere`,
      config: inHttp(`server {\n${name} {dir}/x 1;\n}\nserver {\n${name} {dir}/x 2; #!\n}`),
      error: `the same path name "{dir}/x" in {dir}/test.conf:4 has the different levels than`,
    },
    {
      name: `${name} in a folder that is not there`,
      config: inLocation(`${name} {dir}/no/x;`),
      error: 'mkdir() "{dir}/no/x" failed (2: No such file or directory)',
    },
    {
      name: `${name} below a file`,
      config: inLocation(`${name} {dir}/file/x;`),
      files: { file: "" },
      error: 'mkdir() "{dir}/file/x" failed (20: Not a directory)',
    },
  ]),
)

describeBadInput("bodies in files", [
  {
    name: "client_body_in_file_only with another word",
    config: inLocation("client_body_in_file_only maybe; #!"),
    error: 'invalid value "maybe"',
  },
  {
    name: "client_body_in_single_buffer with another word",
    config: inLocation("client_body_in_single_buffer maybe; #!"),
    error: 'invalid value "maybe" in "client_body_in_single_buffer" directive, it must be "on" or "off"',
  },
])

describeBadInput("proxy_bind", [
  ...["nothing", "localhost", "unix:/tmp/x", "127.0.0.1:0", "127.0.0.1:99999", "[::1]", "[::1]:0"].map(
    (address) => ({
      name: address,
      config: inLocation(`proxy_bind ${address}; #!`),
      error: `invalid address "${address}"`,
    }),
  ),
  { name: "no text", config: inLocation('proxy_bind ""; #!'), error: 'invalid address ""' },
  {
    name: "off with a parameter",
    config: inLocation("proxy_bind off transparent; #!"),
    error: 'invalid address "off"',
  },
  {
    name: "another parameter",
    config: inLocation("proxy_bind 127.0.0.1 clear; #!"),
    error: 'invalid parameter "clear"',
  },
  {
    name: "transparent",
    config: inLocation("proxy_bind $remote_addr transparent; #!"),
    error:
      '"proxy_bind $remote_addr transparent" is not supported by Holdfast: Node.js cannot set IP_TRANSPARENT; pass the client\'s address on in a header field, or by the PROXY protocol',
    nginx: { error: null, why: "it can" },
  },
  {
    name: "an unknown variable",
    config: inLocation("proxy_bind $nosuch; #!"),
    error: 'unknown "nosuch" variable',
    nginx: { error: null, why: "it names no line" },
  },
])
